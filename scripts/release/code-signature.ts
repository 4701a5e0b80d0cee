import type { Range } from "./mach-o.ts";

/** An embedded code signature: a SuperBlob, which is an index of blobs by slot. All its numbers are big-endian. */
export interface CodeSignature {
  readonly blobs: ReadonlyMap<number, Uint8Array>;
  /** The primary CodeDirectory and the alternate ones; the system picks the strongest hash, so all must hold. */
  readonly directories: readonly CodeDirectory[];
}

/** One CodeDirectory: the hash of every page of the file before the signature, and of the other blobs. */
export interface CodeDirectory {
  readonly flags: number;
  readonly identifier: string;
  readonly codeLimit: number;
  readonly pageSize: number;
  readonly hash: HashName;
  readonly pageHashes: readonly Uint8Array[];
  /** By slot; slot 0 is not used. All zeros where a blob is absent. */
  readonly blobHashes: readonly Uint8Array[];
  /** What the kernel takes for the executable segment; absent before version 0x20400. */
  readonly executable: (Range & { readonly flags: number }) | undefined;
}

export type HashName = "sha1" | "sha256" | "sha384";

// Numbers and layouts: xnu, osfmk/kern/cs_blobs.h.
export const EMBEDDED_SIGNATURE = 0xfade0cc0;
export const CODE_DIRECTORY = 0xfade0c02;
export const SLOT = { codeDirectory: 0, requirements: 2, entitlements: 5, derEntitlements: 7, cms: 0x10000 };
export const FLAG = { adhoc: 0x2, hardenedRuntime: 0x10000 };
export const MAIN_BINARY = 0x1;

/** Reads the signature's blobs and directories; throws when a length or an offset leaves its bounds. */
export function readCodeSignature(area: Uint8Array): CodeSignature {
  const view = viewOf(area);
  if (area.length < 12 || view.getUint32(0) !== EMBEDDED_SIGNATURE) throw new Error("no signature SuperBlob");
  const whole = slice(area, 0, view.getUint32(4), "the SuperBlob");
  const blobs = new Map<number, Uint8Array>();
  for (let index = 0; index < view.getUint32(8); index++) {
    const entry = viewOf(slice(whole, 12 + 8 * index, 8, "the SuperBlob's index"));
    const slot = entry.getUint32(0);
    if (blobs.has(slot)) throw new Error(`two blobs in slot ${slot}`);
    blobs.set(slot, blobAt(whole, entry.getUint32(4)));
  }
  return { blobs, directories: [...blobs].filter(isDirectory).map(([, blob]) => readDirectory(blob)) };
}

/** A blob's content, without its magic and length. */
export function blobContent(blob: Uint8Array): Uint8Array {
  return blob.subarray(8);
}

// --- internal ---

const ALTERNATE_DIRECTORIES = { first: 0x1000, last: 0x1004 };
const HASHES: Partial<Record<number, { name: HashName; size: number }>> = {
  1: { name: "sha1", size: 20 },
  2: { name: "sha256", size: 32 },
  3: { name: "sha256", size: 20 },
  4: { name: "sha384", size: 48 },
};

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function slice(bytes: Uint8Array, offset: number, size: number, what: string): Uint8Array {
  if (offset < 0 || offset + size > bytes.length) throw new Error(`${what} is cut off`);
  return bytes.subarray(offset, offset + size);
}

function blobAt(whole: Uint8Array, offset: number): Uint8Array {
  const length = viewOf(slice(whole, offset, 8, `the blob at ${offset}`)).getUint32(4);
  return slice(whole, offset, Math.max(length, 8), `the blob at ${offset}`);
}

function isDirectory([slot]: [number, Uint8Array]): boolean {
  const { first, last } = ALTERNATE_DIRECTORIES;
  return slot === SLOT.codeDirectory || (slot >= first && slot <= last);
}

function readDirectory(blob: Uint8Array): CodeDirectory {
  const head = viewOf(slice(blob, 0, 44, "the CodeDirectory"));
  if (head.getUint32(0) !== CODE_DIRECTORY) throw new Error("no CodeDirectory in its slot");
  const version = head.getUint32(8);
  const view = viewOf(
    slice(blob, 0, version >= 0x20400 ? 88 : version >= 0x20300 ? 64 : 44, "the CodeDirectory"),
  );
  const hash = HASHES[view.getUint8(37)];
  if (hash?.size !== view.getUint8(36)) throw new Error("the CodeDirectory has an unknown hash");
  const [first, blobs, pages] = [view.getUint32(16), view.getUint32(24), view.getUint32(28)];
  return {
    flags: view.getUint32(12),
    identifier: textAt(blob, view.getUint32(20)),
    codeLimit: codeLimit(view, version),
    pageSize: 2 ** view.getUint8(39),
    hash: hash.name,
    pageHashes: hashes(blob, first, pages, hash.size),
    // They stand before those of the pages, counted backwards: slot 1 is the nearest.
    blobHashes: [NO_HASH, ...hashes(blob, first - blobs * hash.size, blobs, hash.size).reverse()],
    executable: version >= 0x20400 ? executableSegment(view) : undefined,
  };
}

const NO_HASH = new Uint8Array();

function hashes(blob: Uint8Array, first: number, count: number, size: number): Uint8Array[] {
  // Checked as one piece before any is made: a damaged count may be four thousand million.
  const all = slice(blob, first, count * size, "the list of hashes");
  return Array.from({ length: count }, (_, index) => all.subarray(index * size, (index + 1) * size));
}

function textAt(blob: Uint8Array, at: number): string {
  const end = blob.indexOf(0, at);
  return Buffer.from(blob.subarray(at, end)).toString("utf8");
}

/** The 64-bit limit counts where there is one; older directories have 32 bits only. */
function codeLimit(view: DataView, version: number): number {
  const long = version >= 0x20300 ? Number(view.getBigUint64(56)) : 0;
  return long || view.getUint32(32);
}

function executableSegment(view: DataView): Range & { flags: number } {
  return {
    offset: Number(view.getBigUint64(64)),
    size: Number(view.getBigUint64(72)),
    flags: Number(view.getBigUint64(80)),
  };
}
