import { isMessagesPath } from "../rewrite/rewrite.ts";
import { type Chunks, gather, streamOf } from "./chunks.ts";
import { overflowError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { responseHeaders } from "./headers.ts";
import type { Limits } from "./limits.ts";
import { pingUntilFirst } from "./patience.ts";

/**
 * The upstream's answer as the client's: status and headers as they are, the body chunk by chunk.
 * Throws for a status that HTTP does not have.
 */
export async function answerOf(upstream: Response, exchange: Exchange): Promise<Response> {
  const { limits, watch } = exchange;
  const head = { status: validStatus(upstream), headers: responseHeaders(upstream.headers) };
  watch.answered(upstream.status, upstream.headers);
  const chunks = chunksOf(upstream.body, exchange);
  if (!chunks) return new Response(null, head);
  if (mayBeOverflow(upstream, exchange)) return await overflowOrSame(chunks, head, limits);
  if (isShort(upstream, limits))
    return new Response(bodyOf(await gather(chunks, limits.heldBytes, limits.heldMs)), head);
  return new Response(streamOf(patient(upstream, chunks, exchange)), head);
}

/** A body as it passes the watch, which hears how it ended; `undefined` where the answer has none. */
export function chunksOf(body: ReadableStream<Uint8Array> | null, exchange: Exchange): Chunks | undefined {
  if (exchange.method !== "HEAD" && body) return watchedChunks(body, exchange);
  exchange.watch.end("complete");
  return undefined;
}

/** Whether the answer is server-sent events, as far as its headers say. */
export function isEventStream({ headers }: Response): boolean {
  return headers.get("content-type")?.toLowerCase().startsWith("text/event-stream") === true;
}

// --- internal ---

interface Head {
  readonly status: number;
  readonly headers: Headers;
}

function validStatus({ status, body }: Response): number {
  if (status >= 200 && status <= 599) return status;
  void body?.cancel();
  throw new Error(`it answered with status ${status}, which HTTP does not have`);
}

async function* watchedChunks(body: ReadableStream<Uint8Array>, { watch, signal }: Exchange): Chunks {
  try {
    for await (const chunk of body) {
      watch.chunk(chunk);
      yield chunk;
    }
    watch.end("complete");
  } catch (error) {
    watch.end(signal.aborted ? "left" : "broken");
    throw error;
  } finally {
    // Reached without either of the above when whoever reads the chunks has no more use for them.
    watch.end("left");
  }
}

/**
 * Some servers send the head of their event stream at once and nothing more before the first token. Bun.serve ends the header block with the
 * first byte of the body only, so that here too the first ping is the first that the client's HTTP parser sees.
 */
function patient(upstream: Response, chunks: Chunks, { dialect, limits, sentAt }: Exchange): Chunks {
  if (!dialect || !upstream.ok || !isEventStream(upstream) || upstream.headers.has("content-encoding"))
    return chunks;
  const firstMs = limits.firstPingMs - (performance.now() - sentAt);
  return pingUntilFirst(Promise.resolve(chunks), dialect.ping, limits.nextPingMs, firstMs);
}

/**
 * Bun.serve streams every body without a `content-length`, also where the upstream gave one. A short answer that is there within
 * moments is therefore held until it is complete, and keeps its length. A body without a type is not: Bun would invent one.
 */
function isShort({ headers }: Response, { heldBytes }: Limits): boolean {
  const length = headers.get("content-length");
  return length !== null && Number(length) <= heldBytes && headers.has("content-type");
}

function mayBeOverflow({ status, headers }: Response, { path }: Exchange): boolean {
  const isJson = headers.get("content-type")?.startsWith("application/json") === true;
  return status === 400 && isMessagesPath(path) && isJson && !headers.has("content-encoding");
}

async function overflowOrSame(
  chunks: Chunks,
  head: Head,
  { errorBytes, errorMs }: Limits,
): Promise<Response> {
  const body = await gather(chunks, errorBytes, errorMs);
  const overflow = body instanceof Uint8Array ? overflowError(body) : undefined;
  return new Response(overflow ? JSON.stringify(overflow) : bodyOf(body), head);
}

function bodyOf(body: Uint8Array | Chunks): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : streamOf(body);
}
