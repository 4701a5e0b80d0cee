/** One request as a server received it. */
export interface Recorded {
  readonly method: string;
  /** The path and query. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A test server on a free port of 127.0.0.1. */
export interface TestServer extends AsyncDisposable {
  readonly origin: string;
}

/** Reads a request, including its whole body. */
export async function record(request: Request): Promise<Recorded> {
  const { pathname, search } = new URL(request.url);
  return {
    method: request.method,
    target: pathname + search,
    headers: request.headers,
    body: new Uint8Array(await request.arrayBuffer()),
  };
}

/** Serves `handle` without an idle timeout, so that a test decides how long a client waits. */
export function listen(handle: (request: Request) => Promise<Response>): TestServer {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    maxRequestBodySize: 2 ** 30,
    fetch: handle,
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** True for requests that a model answers; false for token counts, probes and the like. */
export function isInference({ method, target }: Recorded): boolean {
  return method === "POST" && /^\/v1\/messages(\?|$)/.test(target);
}
