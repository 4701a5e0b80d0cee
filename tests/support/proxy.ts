import { type ProxySettings, type Proxy as RunningProxy, startProxy } from "../../src/proxy/server.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { NOBODY } from "./unobserved.ts";

export type DisposableProxy = RunningProxy & AsyncDisposable;

/** A proxy in front of `origin` on a free port of loopback that changes no body, unless a test says otherwise. */
export function proxyTo(origin: string, settings: Partial<ProxySettings> = {}): DisposableProxy {
  const { origin: ownOrigin, pathname } = new URL(origin);
  const proxy = startProxy({
    host: "127.0.0.1",
    port: 0,
    upstream: new Upstream({ origin: ownOrigin, basePath: pathname.replace(/\/$/, "") }),
    allowHosts: [],
    repair: (body) => ({ body, notes: [], facts: {} }),
    observer: NOBODY,
    ...settings,
  });
  return { ...proxy, [Symbol.asyncDispose]: () => proxy.kill() };
}

/** The body of one of the proxy's own errors; fails the test when the answer is none. */
export async function ownError(answer: Response): Promise<string> {
  const body = (await answer.json()) as { type?: string; error?: { type?: string; message?: string } };
  if (answer.headers.get("x-cache-proxy") !== "error")
    throw new Error("the answer does not have the proxy's mark");
  if (body.type !== "error" || body.error?.type !== "api_error")
    throw new Error(`not the shape of an error: ${JSON.stringify(body)}`);
  return body.error.message ?? "";
}
