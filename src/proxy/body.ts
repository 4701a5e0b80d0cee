export const TOO_LARGE = Symbol("a request body above the limit");

/** Why a request cannot be forwarded with its body; `undefined` when it can. */
export function bodyFault({ method, headers }: Request): string | undefined {
  const length = lengthIn(headers);
  // https://www.rfc-editor.org/rfc/rfc9112#section-6.3: equal values count as one, others are an attack or a mistake.
  if (Number.isNaN(length)) return "the content-length is not one number";
  const hasBody = (length ?? 0) > 0 || headers.has("transfer-encoding");
  if (hasBody && METHODS_WITHOUT_BODY.has(method))
    return `a ${method} request with a body cannot be forwarded`;
  return undefined;
}

/**
 * The whole body of a request without a `bodyFault`, `undefined` where it has none. A body above the limit is given up as soon as that
 * is known: at its `content-length`, or at the chunk that goes too far. Throws when the client leaves before its end.
 */
export async function readBody(
  request: Request,
  limit: number,
): Promise<Uint8Array | undefined | typeof TOO_LARGE> {
  const length = lengthIn(request.headers) ?? 0;
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

/** NaN when there are several different lengths, or something that is not a length. */
function lengthIn(headers: Headers): number | undefined {
  const values = headers
    .get("content-length")
    ?.split(",")
    .map((value) => value.trim());
  if (values === undefined) return undefined;
  const [first = ""] = values;
  return values.every((value) => value === first) && /^\d+$/.test(first) ? Number(first) : Number.NaN;
}

/** Into one growing buffer: a body in chunks of one byte would otherwise take a hundred times its size. */
async function readChunked(
  body: ReadableStream<Uint8Array>,
  limit: number,
): Promise<Uint8Array | typeof TOO_LARGE> {
  const sink = new Bun.ArrayBufferSink();
  sink.start({ asUint8Array: true });
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) return TOO_LARGE;
    sink.write(chunk);
  }
  return sink.end() as Uint8Array;
}
