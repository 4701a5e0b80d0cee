import { proxyError } from "./errors.ts";
import { type ForwardSettings, forward } from "./forward.ts";
import { type GuardSettings, refusal } from "./guard.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { Sender } from "./send.ts";
import { targetOf } from "./target.ts";

export interface ProxySettings extends GuardSettings, Omit<ForwardSettings, "limits" | "sender"> {
  /** 0 takes a free one. */
  readonly port: number;
  /** Answers `/cache-proxy` and what is below it, which is never forwarded; `undefined` for what it does not have. */
  readonly own?:
    | ((method: string, path: string) => Response | undefined | Promise<Response | undefined>)
    | undefined;
  /** Values that replace those of the table in limits.ts. */
  readonly limits?: Partial<Limits> | undefined;
}

export interface Proxy {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** The number of requests that are not answered to the end. */
  readonly running: number;
  /** Accepts no more requests, and resolves when the running ones are answered to the end. */
  stop(): Promise<void>;
  /** Breaks off whatever is running. */
  kill(): Promise<void>;
}

/** Starts the proxy. Throws when it cannot listen, for instance with `code: "EADDRINUSE"`. */
export function startProxy(settings: ProxySettings): Proxy {
  const limits = { ...LIMITS, ...settings.limits };
  const sender = new Sender();
  const server = Bun.serve({
    hostname: settings.host,
    port: settings.port,
    // A prefill of 15 minutes without a byte is normal; Bun closes after 10 s otherwise.
    idleTimeout: 0,
    // Bun's own 413 has no body. forward.ts has a limit of its own.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    // Else two proxies on one port would share the requests at random (SO_REUSEPORT).
    reusePort: false,
    fetch: (request, { pendingRequests }) =>
      pendingRequests > limits.inFlight
        ? overloaded(limits, settings)
        : answer(request, { ...settings, limits, sender }),
    error: () => proxyError(500, "internal error in cache-proxy; please report it"),
  });
  return {
    url: server.url.origin,
    port: server.port as number,
    get running() {
      return server.pendingRequests;
    },
    async stop() {
      await server.stop();
    },
    kill: () => server.stop(true),
  };
}

// --- internal ---

/** Here and below the proxy answers itself. */
const OWN = /^\/cache-proxy(?:\/|$)/;

async function answer(request: Request, settings: ProxySettings & ForwardSettings): Promise<Response> {
  const { method, headers, url } = request;
  const path = targetOf(url)?.path;
  const reason = refusal({ method, path, headers }, settings);
  if (reason) {
    settings.observer.refused(403);
    return proxyError(403, reason);
  }
  if (path === undefined || !OWN.test(path)) return await forward(request, settings);
  return (await settings.own?.(method, path)) ?? proxyError(404, `there is nothing at ${path}`);
}

/** Claude Code tries again after a 529. */
function overloaded({ inFlight }: Limits, { observer }: ProxySettings): Response {
  observer.refused(529);
  return proxyError(
    529,
    `${inFlight} requests are in progress, and Bun sends no more at once; try again later, or start cache-proxy with BUN_CONFIG_MAX_HTTP_REQUESTS=4096`,
  );
}
