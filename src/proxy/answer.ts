import type { StreamDialect } from "../request/dialect.ts";
import { finalError } from "../request/failure.ts";
import type { Observation } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import { BadAnswer, failureOf } from "../upstream/cause.ts";
import { settles } from "../upstream/settles.ts";
import { nameOf, type Upstream } from "../upstream/upstream.ts";
import { type Chunks, gather, type Pings, streamOf } from "./chunks.ts";
import { proxyError } from "./errors.ts";
import { isEventStream, responseHeaders } from "./headers.ts";
import { lateEvents } from "./late.ts";
import type { Limits } from "./limits.ts";

/** A request that was sent to the upstream, with all that its answer depends on. */
export interface Exchange {
  readonly request: ClientRequest;
  /** The web page that asks, which the guard has let pass. */
  readonly origin: string | null;
  /** Settles with the upstream's status and headers. */
  readonly call: Promise<Response>;
  /** `performance.now()` when it was sent. */
  readonly sentAt: number;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  readonly upstream: Upstream;
  readonly observation: Observation;
  readonly limits: Limits;
}

/**
 * The answer to a request, whenever the upstream's comes. In time, it is the upstream's: status and headers unchanged, the body
 * chunk by chunk. A streaming request whose upstream is silent for too long gets status 200 and pings until its events come.
 */
export async function answer(exchange: Exchange): Promise<Response> {
  const { call, request, limits, upstream } = exchange;
  const dialect = request.stream === true ? request.endpoint?.dialect : undefined;
  if (dialect && !(await settles(call, limits.firstPingMs))) return late(exchange, dialect);
  try {
    return await inTime(await call, exchange, dialect);
  } catch (error) {
    noteNoAnswer(exchange);
    return proxyError(502, failureOf(error, nameOf(upstream)));
  }
}

// --- internal ---

interface Head {
  readonly status: number;
  readonly headers: Headers;
}

/** Throws for an answer that cannot be passed on. */
async function inTime(
  response: Response,
  exchange: Exchange,
  dialect: StreamDialect | undefined,
): Promise<Response> {
  const { limits } = exchange;
  const head = { status: validStatus(response), headers: responseHeaders(response.headers) };
  const chunks = observed(response, response.body, exchange);
  if (!chunks) return new Response(null, head);
  if (mayBeFinal(response, exchange)) return await finalOrSame(chunks, head, limits);
  if (isShort(response, limits))
    return new Response(bodyOf(await gather(chunks, limits.heldBytes, limits.heldMs)), head);
  return new Response(streamOf(chunks, pingsFor(response, exchange, dialect)), head);
}

/**
 * The answer of an upstream that is still silent: the first ping now, then the upstream's events. The status is sent with that ping: an
 * upstream that breaks off or cannot be reached breaks the client's connection, and an error of the upstream's becomes an event
 * (docs/claude-code.md says what Claude Code makes of each).
 */
function late(exchange: Exchange, dialect: StreamDialect): Response {
  const { call, limits } = exchange;
  const events = lateEvents(call, dialect, limits.errorBytes, (response, body) =>
    observed(response, body, exchange),
  );
  const watched = reportingNoAnswer(events, exchange);
  return new Response(streamOf(watched, { ping: dialect.ping, firstMs: 0, everyMs: limits.nextPingMs }), {
    headers: lateHeaders(exchange.origin),
  });
}

/** As llama-server's (tools/server/server-http.cpp), with which a browser lets its page read the answer, and nginx buffers none of it. */
function lateHeaders(origin: string | null): Record<string, string> {
  return {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
    ...(origin !== null && {
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      vary: "Origin",
    }),
  };
}

async function* reportingNoAnswer(events: Chunks, exchange: Exchange): Chunks {
  try {
    yield* events;
  } catch (error) {
    // Without effect where the upstream answered and broke off later: only the first end counts.
    noteNoAnswer(exchange);
    throw error;
  }
}

function noteNoAnswer({ signal, upstream, observation }: Exchange): void {
  if (!signal.aborted) upstream.noteLost();
  observation.end(signal.aborted ? "client_gone" : "unreachable");
}

/** The body as it passes the observation, which learns how it ended; `undefined` where the answer has none. */
function observed(
  { status, headers }: Response,
  body: ReadableStream<Uint8Array> | null,
  exchange: Exchange,
): Chunks | undefined {
  const { request, upstream, observation } = exchange;
  upstream.noteStatus(status);
  upstream.replicas.note(request.conversation, headers);
  observation.answered(status, headers);
  if (request.method !== "HEAD" && body) return observedChunks(body, exchange);
  observation.end("complete");
  return undefined;
}

async function* observedChunks(
  body: ReadableStream<Uint8Array>,
  { observation, signal, upstream }: Exchange,
): Chunks {
  try {
    for await (const chunk of body) {
      observation.chunk(chunk);
      yield chunk;
    }
    observation.end("complete");
  } catch (error) {
    if (!signal.aborted) upstream.noteLost();
    observation.end(signal.aborted ? "client_gone" : "broken");
    throw error;
  } finally {
    // Reached without either of the above when the reader of the chunks has no more use for them.
    observation.end("client_gone");
  }
}

/** Throws for what cannot be passed on: a status that HTTP does not have, a body in a coding that fetch has not removed. */
function validStatus({ status, headers, body }: Response): number {
  const coding = headers.get("transfer-encoding") ?? "chunked";
  if (status >= 200 && status <= 599 && coding.toLowerCase() === "chunked") return status;
  void body?.cancel();
  throw new BadAnswer(
    coding === "chunked" ? `HTTP has no status ${status}` : "its transfer-encoding is not supported",
  );
}

/**
 * Some servers send the head of their event stream at once and nothing more before the first token. Bun.serve ends the header block with the
 * first byte of the body only, so that here too the first ping is the first that the client's HTTP parser sees.
 */
function pingsFor(
  response: Response,
  { limits, sentAt }: Exchange,
  dialect: StreamDialect | undefined,
): Pings | undefined {
  const { ok, headers } = response;
  if (!dialect || !ok || !isEventStream(headers) || headers.has("content-encoding")) return undefined;
  const firstMs = Math.max(0, limits.firstPingMs - (performance.now() - sentAt));
  return { ping: dialect.ping, firstMs, everyMs: limits.nextPingMs };
}

/**
 * Bun.serve streams every body without a `content-length`, also where the upstream gave one. A short answer that is complete within
 * moments is therefore held until then, and keeps its length. A body without a type is not: Bun would invent one.
 */
function isShort({ headers }: Response, { heldBytes }: Limits): boolean {
  const length = headers.get("content-length");
  return length !== null && Number(length) <= heldBytes && headers.has("content-type");
}

/** Of Anthropic's endpoints only: their client acts on the words and on the status of an error (docs/claude-code.md). */
function mayBeFinal({ status, headers }: Response, { request }: Exchange): boolean {
  const isJson = headers.get("content-type")?.startsWith("application/json") === true;
  return (
    (status === 400 || status === 500) &&
    request.endpoint?.shape === "anthropic" &&
    isJson &&
    !headers.has("content-encoding")
  );
}

/** An error that repeating cannot cure, as one that makes the client stop or compact; any other body unchanged. */
async function finalOrSame(chunks: Chunks, head: Head, { errorBytes, errorMs }: Limits): Promise<Response> {
  const body = await gather(chunks, errorBytes, errorMs);
  const error = body instanceof Uint8Array ? finalError(head.status, body) : undefined;
  return error ? Response.json(error, { ...head, status: 400 }) : new Response(bodyOf(body), head);
}

function bodyOf(body: Uint8Array | Chunks): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : streamOf(body);
}
