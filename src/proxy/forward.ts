import type { Watcher } from "../report/watch.ts";
import type { Rewritten } from "../rewrite/rewrite.ts";
import { causeOf } from "../upstream/cause.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { answerOf } from "./answer.ts";
import { readBody, release, TOO_LARGE } from "./body.ts";
import { settles } from "./chunks.ts";
import { proxyError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { requestHeaders } from "./headers.ts";
import { lateAnswer } from "./late.ts";
import type { Limits } from "./limits.ts";
import { isOdd, sendOdd } from "./odd-target.ts";
import { dialectOf } from "./patience.ts";
import { type Target, targetOf, urlAt } from "./target.ts";
import { watched } from "./watched.ts";

/** Repairs one request body. The array returned is sent and then released: it must be `body` or nobody else's. */
export type Rewrite = (body: Uint8Array, request: RequestHead) => Rewritten | Promise<Rewritten>;

export interface RequestHead {
  /** Without the query. */
  readonly path: string;
  readonly headers: Headers;
}

/** What became of a request's body; holds none of its text. */
export interface BodyNotes {
  readonly method: string;
  readonly path: string;
  /** Bytes as the client sent them. */
  readonly before: number;
  /** Bytes as the upstream gets them. */
  readonly after: number;
  readonly notes: readonly string[];
}

export interface ForwardSettings {
  readonly upstream: Upstream;
  readonly rewrite: Rewrite;
  readonly limits: Limits;
  readonly watcher?: Watcher | undefined;
  /** Called when the upstream could not be reached or broke off: another server may answer next. */
  readonly onLost?: (() => void) | undefined;
  /** For `--verbose`: called once for every request with a body. */
  readonly onNotes?: ((notes: BodyNotes) => void) | undefined;
}

/** One request's story: read, rewrite, send, answer. Rejects only when the client left before the end of its own body. */
export async function forward(request: Request, settings: ForwardSettings): Promise<Response> {
  const arrivedAt = performance.now();
  const { limits, upstream, watcher } = settings;
  const { method, headers, signal } = request;
  const target = targetOf(request.url);
  if (!target || wantsTunnel(headers)) return noTunnels();
  const body = await readBody(request, limits.requestBytes);
  if (body === TOO_LARGE) return tooLarge(limits);
  const { body: repaired, facts } = await repair(body, request, target, settings);
  if (body && body !== repaired) release(body);
  const watch = watched(watcher, { method, path: target.path, headers, facts, arrivedAt }, (outcome) => {
    if (outcome === "refused" || outcome === "broken") settings.onLost?.();
  });
  signal.addEventListener("abort", () => watch.end("left"));
  const call = send(request, repaired, urlAt(upstream, target));
  watch.sent();
  const dialect = facts.stream === true ? dialectOf(method, target.path) : undefined;
  const exchange = {
    method,
    path: target.path,
    signal,
    call,
    sentAt: performance.now(),
    dialect,
    watch,
    limits,
  };
  return await answer(exchange, upstream);
}

// --- internal ---

type Repaired = { readonly body: Uint8Array | undefined } & Pick<Rewritten, "facts">;

/** A compressed body is not looked at: to change it, it would have to be unpacked and packed again. */
async function repair(
  body: Uint8Array | undefined,
  { method, headers }: Request,
  { path }: Target,
  { rewrite, onNotes }: ForwardSettings,
): Promise<Repaired> {
  if (!body) return { body, facts: {} };
  const encoding = headers.get("content-encoding");
  const rewritten = encoding
    ? { body, facts: {}, notes: [`forwarded untouched: the body is compressed (${encoding})`] }
    : await rewrite(body, { path, headers });
  onNotes?.({ method, path, before: body.length, after: rewritten.body.length, notes: rewritten.notes });
  return rewritten;
}

/**
 * Hands the request to fetch, with what is Bun's own taken out of it:
 * - `keepalive: false`: with a pool, a POST on a connection that the upstream is just closing fails with ECONNRESET (cpp-httplib closes
 *   after 5 s idle) and cannot safely be sent twice. A new connection costs 0.1 ms on loopback.
 * - `timeout: false`: else a prefill that takes more than 5 minutes without a byte is given up.
 * - `proxy: false`: else HTTP_PROXY in the environment would take even requests for 127.0.0.1 to another host.
 */
async function send(request: Request, body: Uint8Array | undefined, url: string): Promise<Response> {
  const { method, signal } = request;
  const headers = requestHeaders(request.headers);
  if (isOdd(url)) return await sendOdd(url, { method, headers, body: body ?? null, signal });
  const call = fetch(url, {
    method,
    headers,
    body: (body ?? null) as Uint8Array<ArrayBuffer> | null,
    signal,
    redirect: "manual",
    decompress: false,
    keepalive: false,
    timeout: false,
    proxy: false,
  });
  // By now fetch has a copy of its own.
  if (body) release(body);
  return await call;
}

async function answer(exchange: Exchange, upstream: Upstream): Promise<Response> {
  const { call, dialect, limits, signal, watch } = exchange;
  if (dialect && !(await settles(call, limits.firstPingMs))) return lateAnswer(exchange, dialect);
  try {
    return await answerOf(await call, exchange);
  } catch (error) {
    watch.end(signal.aborted ? "left" : "refused");
    return unreachable(upstream, error);
  }
}

function unreachable({ origin, basePath }: Upstream, error: unknown): Response {
  return proxyError(
    502,
    `cannot reach llama-server at ${origin}${basePath}: ${causeOf(error)}; start it or pass --upstream`,
  );
}

function tooLarge({ requestBytes }: Limits): Response {
  const refused = proxyError(
    413,
    `the request body is larger than ${requestBytes} bytes; nothing was forwarded`,
  );
  // The rest of the body is still on its way; without this the client would go on sending it.
  refused.headers.set("connection", "close");
  return refused;
}

function wantsTunnel(headers: Headers): boolean {
  // Only WebSockets: any other `upgrade` (Java's h2c) may be ignored, https://www.rfc-editor.org/rfc/rfc9110#section-7.8
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

function noTunnels(): Response {
  return proxyError(501, "only plain HTTP requests are forwarded: no tunnels (CONNECT), no WebSockets");
}
