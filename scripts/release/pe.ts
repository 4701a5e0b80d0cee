import type { Range } from "./mach-o.ts";

/** What a release has to know of a 64-bit Windows program. */
export interface Pe {
  readonly arch: "arm64" | "x64" | "unknown";
  readonly console: boolean;
  /** The certificate table (Authenticode); of size 0 in a file that is not signed. */
  readonly certificates: Range;
}

/** Reads the headers; throws when the bytes are no such file. */
export function readPe(bytes: Uint8Array): Pe {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = view.byteLength > 64 && view.getUint16(0) === MZ ? view.getUint32(60, true) : view.byteLength;
  if (at + HEADERS_SIZE > view.byteLength || view.getUint32(at) !== PE)
    throw new Error("not a Windows program");
  const optional = at + 24;
  if (view.getUint16(optional, true) !== PE32_PLUS) throw new Error("not a 64-bit Windows program");
  return {
    arch: MACHINES[view.getUint16(at + 4, true)] ?? "unknown",
    console: view.getUint16(optional + 68, true) === CONSOLE,
    certificates: {
      offset: view.getUint32(optional + 144, true),
      size: view.getUint32(optional + 148, true),
    },
  };
}

// --- internal ---

// Numbers and layouts: Microsoft, "PE Format". MZ and PE are read big-endian, as they are written in text.
const MZ = 0x4d5a;
const PE = 0x50450000;
const PE32_PLUS = 0x20b;
const CONSOLE = 3;
const HEADERS_SIZE = 24 + 240;
const MACHINES: Partial<Record<number, "arm64" | "x64">> = { 43620: "arm64", 34404: "x64" };
