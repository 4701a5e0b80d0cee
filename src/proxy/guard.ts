import { isIP } from "node:net";
import { hostname } from "node:os";

/** Whether the proxy is up; see web/pages.ts. */
const HEALTH_PATH = "/cache-proxy/health";

export interface GuardSettings {
  /** The address listened on. */
  readonly host: string;
  /** More names and addresses, lower case and without brackets, as `--allow-host` gives them. */
  readonly allowHosts: readonly string[];
}

/** The part of a request that the guard looks at. */
export interface Guarded {
  readonly method: string;
  /** Without the query. */
  readonly path: string | undefined;
  readonly headers: Headers;
}

/**
 * Says why a request is refused, or `undefined` when it may pass. A web page can make its visitor's browser send requests here: by a
 * name that it lets resolve to this machine (DNS rebinding, visible in `Host`), or straight from its own place (visible in `Origin`
 * or, for images and the like, in `Sec-Fetch-Site`).
 */
export function refusal(
  request: Guarded,
  { host: listensOn, allowHosts }: GuardSettings,
): string | undefined {
  const { headers } = request;
  const host = headers.get("host");
  const asked = hostName(host);
  const isChecked = isLoopback(listensOn) || isFromBrowser(headers);
  if (isChecked && !isHealthCheck(request) && (asked === undefined || !mayBeAsked(asked, allowHosts))) {
    return `requests for host ${shown(host)} are refused (DNS rebinding); ${hint(asked)}`;
  }
  const origin = headers.get("origin");
  if (origin === null) return isForeignPage(request) ? FOREIGN_PAGE : undefined;
  if (isHarmless(origin, host, allowHosts)) return undefined;
  if (origin === "null")
    return "requests from web pages that do not say where they are from are refused (Origin: null)";
  return `requests from web pages at ${shown(origin)} are refused; ${hint(hostName(origin.split("://", 2)[1] ?? null))}`;
}

/** Whether only this machine reaches the address or name. */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "::1" ||
    (isIP(host) === 4 && host.startsWith("127."))
  );
}

// --- internal ---

/** This machine's own names, and its names as seen from inside containers and virtual machines. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  hostname().toLowerCase(),
  `${hostname()
    .toLowerCase()
    .replace(/\.local$/, "")}.local`,
  "host.docker.internal", // Docker
  "gateway.docker.internal",
  "host.containers.internal", // Podman
  "host.lima.internal", // Lima, Colima
  "host.orb.internal", // OrbStack
  "host.rancher-desktop.internal",
  "host.k3d.internal",
  "host.minikube.internal",
]);

const FOREIGN_PAGE = "requests that another web page makes are refused (Sec-Fetch-Site: cross-site)";

/** Other machines and containers know this one by names of their own; only a browser can be tricked with a name. */
function isFromBrowser(headers: Headers): boolean {
  return headers.has("origin") || headers.has("sec-fetch-site");
}

/** Load balancers check with HTTP/1.0, which needs no `Host`; a browser always sends one. */
function isHealthCheck({ path, headers }: Guarded): boolean {
  return path === HEALTH_PATH && !headers.has("host");
}

/** Images, frames and scripts of a foreign page have no `Origin`. A link that the user follows is harmless: no page reads its answer. */
function isForeignPage({ method, headers }: Guarded): boolean {
  if (headers.get("sec-fetch-site") !== "cross-site") return false;
  const isLink =
    method === "GET" &&
    headers.get("sec-fetch-mode") === "navigate" &&
    headers.get("sec-fetch-dest") === "document";
  return !isLink;
}

/** An address in `Host` cannot be rebound: no name was resolved. */
function mayBeAsked(name: string, allowHosts: readonly string[]): boolean {
  return isIP(name) !== 0 || isOurs(name, allowHosts);
}

function isOurs(name: string, allowHosts: readonly string[]): boolean {
  return isLoopback(name) || OWN_NAMES.has(name) || allowHosts.includes(name);
}

/** Schemes whose origins are places on a network. Others belong to programs installed here (`vscode-webview:`, `tauri:`). */
const NETWORK_SCHEMES: ReadonlySet<string> = new Set(["http", "https", "ws", "wss", "ftp", "ftps"]);

/**
 * A page served from this machine, from the very address that was asked (an accepted one, see `mayBeAsked`), or from an allowed
 * name. "null" is what a sandboxed frame of any page sends.
 */
function isHarmless(origin: string, host: string | null, allowHosts: readonly string[]): boolean {
  const [scheme = "", authority] = origin.toLowerCase().split("://", 2);
  if (authority === undefined) return false;
  if (!NETWORK_SCHEMES.has(scheme)) return /^[a-z][a-z0-9+.-]*$/.test(scheme);
  if (scheme !== "http" && scheme !== "https") return false;
  const name = hostName(authority);
  return authority === host?.toLowerCase() || (name !== undefined && isOurs(name, allowHosts));
}

/**
 * The name or address of a `Host` header (RFC 9110 section 7.2: uri-host [":" port]) in lower case, without port, brackets and the
 * trailing dot of a fully qualified name; `undefined` when it is neither.
 */
function hostName(authority: string | null): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+(?:%[\w.~-]+)?)\]|([a-z0-9._-]+?)\.?)(?::\d*)?$/i.exec(authority ?? "");
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** RFC 1035, section 2.3.4. */
const MAX_NAME = 253;

/** Names only what `--allow-host` accepts. */
function hint(name: string | undefined): string {
  const value = name !== undefined && name.length <= MAX_NAME ? name : "NAME";
  return `start the proxy with --allow-host ${value} to accept them`;
}

/** Whatever a client puts into a header, the refusal stays one short line. */
function shown(value: string | null): string {
  return value === null ? "(none)" : JSON.stringify(value.slice(0, 100));
}
