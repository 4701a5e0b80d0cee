import { chunksOf, isEventStream } from "./answer.ts";
import { type Chunks, streamOf } from "./chunks.ts";
import type { Exchange } from "./exchange.ts";
import { type Dialect, pingUntilFirst } from "./patience.ts";

/**
 * The answer to a streaming request whose upstream keeps silent: events that begin with a ping, now, and go on with the upstream's.
 * The status is spent with that ping: an upstream that breaks off or cannot be reached breaks the client's connection, and
 * an error of the upstream's becomes an error event. Issue 8 says what Claude Code makes of each.
 */
export function lateAnswer(exchange: Exchange, dialect: Dialect): Response {
  const events = eventsOf(exchange, dialect);
  // The client may be gone before the first of them is asked for.
  events.catch(() => {});
  return new Response(streamOf(pingUntilFirst(events, dialect.ping, exchange.limits.nextPingMs, 0)), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
  });
}

// --- internal ---

async function eventsOf(exchange: Exchange, dialect: Dialect): Promise<Chunks> {
  const upstream = await answered(exchange);
  const chunks = chunksOf(decoded(upstream), exchange);
  if (chunks && upstream.ok && isEventStream(upstream)) return orElse(chunks, dialect.failure(502, NOTHING));
  const body = chunks ? await firstBytes(chunks, exchange.limits.errorBytes) : new Uint8Array();
  return only(dialect.failure(upstream.ok ? 502 : upstream.status, upstream.ok ? noEvents(upstream) : body));
}

async function answered({ call, signal, watch }: Exchange): Promise<Response> {
  try {
    const upstream = await call;
    watch.answered(upstream.status, upstream.headers);
    return upstream;
  } catch (error) {
    watch.end(signal.aborted ? "left" : "refused");
    throw error;
  }
}

/** The client can no longer be told of a `content-encoding`. llama-server compresses no events, a server in front of it may. */
function decoded({ body, headers }: Response): ReadableStream<Uint8Array> | null {
  const format = FORMATS[headers.get("content-encoding")?.toLowerCase() ?? ""];
  return body && format ? body.pipeThrough(new DecompressionStream(format as CompressionFormat)) : body;
}

// The DOM types do not know all of what Bun unpacks.
const FORMATS: Readonly<Record<string, Bun.CompressionFormat>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
  br: "brotli",
  zstd: "zstd",
};

function noEvents({ headers }: Response): Uint8Array {
  const type = headers.get("content-type") ?? "no content-type";
  return Buffer.from(
    `cache-proxy: the upstream answered a streaming request without an event stream (${type})`,
  );
}

/** Throws where the upstream breaks off. */
async function firstBytes(chunks: Chunks, limit: number): Promise<Uint8Array> {
  const held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    size += chunk.length;
    if (size >= limit) break;
  }
  return Buffer.concat(held).subarray(0, limit);
}

const NOTHING = Buffer.from("cache-proxy: the upstream ended its event stream without an event");

/** An event stream with pings only would be a clean end without an event, of which no client can make anything. */
async function* orElse(chunks: Chunks, instead: Uint8Array): Chunks {
  let empty = true;
  for await (const chunk of chunks) {
    empty = false;
    yield chunk;
  }
  if (empty) yield instead;
}

async function* only(chunk: Uint8Array): Chunks {
  yield chunk;
}
