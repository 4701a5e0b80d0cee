/** What a release has to know of a 64-bit ELF executable. */
export interface Elf {
  readonly arch: "arm64" | "x64" | "unknown";
  /** The loader that starts it, which tells glibc from musl; absent for a static program. */
  readonly interpreter: string | undefined;
}

/** Reads the file header and the program headers; throws when the bytes are no such file. */
export function readElf(bytes: Uint8Array): Elf {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian64 = view.byteLength >= 64 && view.getUint32(0) === MAGIC && view.getUint16(4) === 0x0201;
  if (!littleEndian64) throw new Error("not a 64-bit ELF file");
  return { arch: MACHINES[view.getUint16(18, true)] ?? "unknown", interpreter: interpreter(bytes, view) };
}

// --- internal ---

// Numbers and layouts: System V ABI, "Object Files"; elf(5).
const MAGIC = 0x7f454c46;
const PT_INTERP = 3;
const MACHINES: Partial<Record<number, "arm64" | "x64">> = { 183: "arm64", 62: "x64" };

function interpreter(bytes: Uint8Array, view: DataView): string | undefined {
  const table = Number(view.getBigUint64(32, true));
  const entrySize = view.getUint16(54, true);
  for (let index = 0; index < view.getUint16(56, true); index++) {
    const at = table + index * entrySize;
    if (at + 56 > bytes.length) throw new Error("the program headers are cut off");
    if (view.getUint32(at, true) !== PT_INTERP) continue;
    const offset = Number(view.getBigUint64(at + 8, true));
    const size = Number(view.getBigUint64(at + 32, true));
    return Buffer.from(bytes.subarray(offset, offset + size - 1)).toString("latin1");
  }
  return undefined;
}
