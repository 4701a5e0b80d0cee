export const TOO_LARGE = Symbol("a request body above the limit");

/**
 * The whole body of a request, `undefined` where it has none. A body above the limit is given up as soon as that is known:
 * at its `content-length`, or at the chunk that goes too far. Throws when the client leaves before its end.
 */
export async function readBody(
  request: Request,
  limit: number,
): Promise<Uint8Array | undefined | typeof TOO_LARGE> {
  if (METHODS_WITHOUT_BODY.has(request.method)) return undefined;
  const length = Number(request.headers.get("content-length") ?? 0);
  if (length > limit) return TOO_LARGE;
  // Without touching `request.body`, which would turn it into a stream first: 0.03 ms more for 100 KB in Bun 1.4.5.
  if (length > 0) return await request.bytes();
  // https://www.rfc-editor.org/rfc/rfc9112#section-6.3: neither header, no body
  return request.headers.has("transfer-encoding") && request.body
    ? await readChunked(request.body, limit)
    : undefined;
}

/**
 * Gives the memory of a large body back at once; nobody may read it afterwards. Waiting for a garbage collection instead, a proxy that is
 * idle during a long prefill would hold two more copies of the body (200 MB: 643 MB resident at the peak, 235 MB after it).
 */
export function freeBody(body: Uint8Array): void {
  const { buffer } = body;
  if (body.length < FREED_BYTES || body.length !== buffer.byteLength || !(buffer instanceof ArrayBuffer))
    return;
  buffer.transfer(0);
}

// --- internal ---

/** Smaller ones are the garbage collector's. */
const FREED_BYTES = 2 ** 14;

/** fetch throws for these with a body; RFC 9110 section 9.3 gives a body no meaning in any of them. */
const METHODS_WITHOUT_BODY: ReadonlySet<string> = new Set(["GET", "HEAD", "TRACE"]);

async function readChunked(
  body: ReadableStream<Uint8Array>,
  limit: number,
): Promise<Uint8Array | typeof TOO_LARGE> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) return TOO_LARGE;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
