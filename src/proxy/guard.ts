import { isIP } from "node:net";

export interface GuardSettings {
  /** The address listened on. */
  readonly host: string;
  /** Further names, lower case, as `--allow-host` gives them. */
  readonly allowHosts: readonly string[];
}

/**
 * Says why a request is refused, or `undefined` when it may pass. A web page can make its visitor's browser send requests here, by a
 * name that it lets resolve to 127.0.0.1 (DNS rebinding, told by `Host`) or straight from its own place (told by `Origin`).
 */
export function refusal(headers: Headers, { host, allowHosts }: GuardSettings): string | undefined {
  const asked = hostName(headers.get("host"));
  if (isLoopback(host) && !(asked !== undefined && mayBeAsked(asked, allowHosts))) {
    return `requests for host ${shown(headers.get("host"))} are refused (DNS rebinding); start the proxy with --allow-host ${asked ?? "NAME"} to accept them`;
  }
  const origin = headers.get("origin");
  if (origin === null || isHarmless(origin, headers.get("host"), allowHosts)) return undefined;
  if (origin === "null")
    return "requests from web pages that do not say where they are from are refused (Origin: null)";
  return `requests from web pages at ${shown(origin)} are refused; start the proxy with --allow-host ${originHost(origin) ?? "NAME"} to accept them`;
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

/** The machine's own names as seen from inside containers and virtual machines (Docker, Podman, Lima, OrbStack). */
const CONTAINER_HOSTS: ReadonlySet<string> = new Set([
  "host.docker.internal",
  "gateway.docker.internal",
  "host.containers.internal",
  "host.lima.internal",
  "host.orb.internal",
]);

/** An address in `Host` cannot be rebound: no name was resolved. */
function mayBeAsked(name: string, allowHosts: readonly string[]): boolean {
  return isIP(name) !== 0 || isOurs(name, allowHosts);
}

function isOurs(name: string, allowHosts: readonly string[]): boolean {
  return isLoopback(name) || CONTAINER_HOSTS.has(name) || allowHosts.includes(name);
}

/**
 * A page served from this machine, from the very address that was asked, or from an allowed name. Schemes other than http(s) belong to
 * programs installed here (`vscode-webview:`, `tauri:`), not to pages; "null" is what a sandboxed frame of any page sends.
 */
function isHarmless(origin: string, host: string | null, allowHosts: readonly string[]): boolean {
  if (origin === "null") return false;
  const [scheme, authority] = origin.split("://", 2);
  if (scheme !== "http" && scheme !== "https") return authority !== undefined;
  const name = hostName(authority ?? null);
  return authority?.toLowerCase() === host?.toLowerCase() || (name !== undefined && isOurs(name, allowHosts));
}

function originHost(origin: string): string | undefined {
  return hostName(origin.split("://", 2)[1] ?? null);
}

/**
 * The name or address of a `Host` header (RFC 9110 section 7.2: uri-host [":" port]) in lower case, without port, brackets and the
 * trailing dot of a fully qualified name; `undefined` when it is none.
 */
function hostName(authority: string | null): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+(?:%[\w.~-]+)?)\]|([a-z0-9._-]+?)\.?)(?::\d*)?$/i.exec(authority ?? "");
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** Whatever a client may put into a header, the refusal stays one short line. */
function shown(value: string | null): string {
  return value === null ? "(none)" : JSON.stringify(value.slice(0, 100));
}
