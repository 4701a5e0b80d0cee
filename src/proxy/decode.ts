import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";
import { TOO_LARGE } from "./body.ts";

/** Whether a body with this `content-encoding` is compressed at all (RFC 9110, section 8.4.1). */
export function isCompressed(encoding: string | null): encoding is string {
  return encoding !== null && encoding.trim() !== "" && encoding.trim().toLowerCase() !== "identity";
}

/**
 * The decompressed body. `undefined` for an encoding that is not known and for bytes that do not have it; `TOO_LARGE` for a body
 * that would take more than `limit` bytes.
 */
export async function decompress(
  body: Uint8Array,
  encoding: string,
  limit: number,
): Promise<Uint8Array | undefined | typeof TOO_LARGE> {
  const decoder = DECODERS[encoding.trim().toLowerCase()];
  try {
    return await decoder?.(body, { maxOutputLength: limit });
  } catch (error) {
    return (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE" ? TOO_LARGE : undefined;
  }
}

// --- internal ---

type Decoder = (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

const gunzipped: Decoder = promisify(gunzip);

const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: gunzipped,
  "x-gzip": gunzipped,
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};
