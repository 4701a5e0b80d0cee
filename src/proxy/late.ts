import type { StreamDialect } from "../request/dialect.ts";
import type { Chunks } from "./chunks.ts";
import { isEventStream } from "./headers.ts";

/** The body of an answer, or of what it was decoded to, as it is to be read; `undefined` where there is none. */
type Read = (response: Response, body: ReadableStream<Uint8Array> | null) => Chunks | undefined;

/**
 * What a client that has already had status 200 gets from an upstream's answer: its events, or one event that says what went wrong.
 * Throws where the upstream cannot be reached or breaks off. Of an error's body, `errorBytes` are read.
 */
export async function* lateEvents(
  call: Promise<Response>,
  dialect: StreamDialect,
  errorBytes: number,
  read: Read,
): Chunks {
  const response = await call;
  const chunks = read(response, decoded(response));
  if (response.ok && chunks && isEventStream(response.headers)) {
    yield* orElse(chunks, dialect.failure(502, NO_EVENT));
    return;
  }
  const body = chunks ? await firstBytes(chunks, errorBytes) : new Uint8Array();
  yield response.ok ? dialect.failure(502, notEvents(response)) : dialect.failure(response.status, body);
}

// --- internal ---

const NO_EVENT = Buffer.from("cache-proxy: the upstream ended its event stream without an event");

/** The client can no longer learn of a `content-encoding`. llama-server compresses no events, a server in front of it may. */
function decoded({ body, headers }: Response): ReadableStream<Uint8Array> | null {
  const format = FORMATS[headers.get("content-encoding")?.toLowerCase() ?? ""];
  return body && format ? body.pipeThrough(new DecompressionStream(format as CompressionFormat)) : body;
}

// The DOM types do not know all formats that Bun decompresses.
const FORMATS: Readonly<Record<string, Bun.CompressionFormat>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
  br: "brotli",
  zstd: "zstd",
};

function notEvents({ headers }: Response): Uint8Array {
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

/** An event stream of pings only would be a clean end without an event, and no client knows what to do with that. */
async function* orElse(chunks: Chunks, instead: Uint8Array): Chunks {
  let isEmpty = true;
  for await (const chunk of chunks) {
    isEmpty = false;
    yield chunk;
  }
  if (isEmpty) yield instead;
}
