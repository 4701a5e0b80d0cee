import {
  CODE_DIRECTORY,
  EMBEDDED_SIGNATURE,
  FLAG,
  MAIN_BINARY,
  readCodeSignature,
  SLOT,
} from "./code-signature.ts";
import { type MachO, type Range, readMachO } from "./mach-o.ts";

/** A list of entitlements in its two encodings, as the blobs of slots 5 and 7. */
export interface Entitlements {
  readonly xml: Uint8Array;
  readonly der: Uint8Array;
}

/** The entitlements that a signed program carries; throws when it has none. */
export function readEntitlements(signed: Uint8Array): Entitlements {
  const { signature } = readMachO(signed);
  const blobs = signature && readCodeSignature(signed.subarray(signature.offset)).blobs;
  const xml = blobs?.get(SLOT.entitlements);
  const der = blobs?.get(SLOT.derEntitlements);
  if (!xml || !der) throw new Error("no entitlements to take over");
  return { xml, der };
}

/**
 * Returns the program with a new ad-hoc signature in the place of its old one, as `codesign --sign -` does on a Mac.
 * Bun signs what it compiles for arm64 but without the engine's entitlements, and leaves the signature of its own
 * release on what it compiles for x64, where it no longer fits. Throws when there was no signature to replace.
 */
export function signAdHoc(program: Uint8Array, identifier: string, entitlements: Entitlements): Uint8Array {
  const file = readMachO(program);
  if (!file.signature) throw new Error("no signature to replace");
  const codeLimit = file.signature.offset;
  const blobs: Blobs = [
    [SLOT.requirements, NO_REQUIREMENTS],
    [SLOT.entitlements, entitlements.xml],
    [SLOT.derEntitlements, entitlements.der],
  ];
  const directory = new CodeDirectoryWriter(codeLimit, identifier, file.text);
  const size = alignUp(
    superBlobSize([[SLOT.codeDirectory, directory.bytes], ...blobs, [SLOT.cms, NO_CMS]]),
    16,
  );
  const signed = new Uint8Array(codeLimit + size);
  signed.set(program.subarray(0, codeLimit));
  placeSignature(signed, file, size);
  // Only now: the load commands that were just written are in the first page that is hashed.
  directory.hash(signed, blobs);
  signed.set(superBlob([[SLOT.codeDirectory, directory.bytes], ...blobs, [SLOT.cms, NO_CMS]]), codeLimit);
  return signed;
}

// --- internal ---

type Blobs = [slot: number, blob: Uint8Array][];

/** An empty set, as codesign writes it for ad-hoc signatures: whatever has this hash is this program. */
const NO_REQUIREMENTS = new Uint8Array([0xfa, 0xde, 0x0c, 0x01, 0, 0, 0, 12, 0, 0, 0, 0]);
/** The envelope of a certificate's signature, empty because there is none. */
const NO_CMS = new Uint8Array([0xfa, 0xde, 0x0b, 0x01, 0, 0, 0, 8]);

/** Version 0x20400: the first with the executable segment, and what the linkers write. */
class CodeDirectoryWriter {
  readonly bytes: Uint8Array;

  constructor(codeLimit: number, identifier: string, text: Range) {
    const name = Buffer.from(`${identifier}\0`);
    const pages = Math.ceil(codeLimit / PAGE_SIZE);
    const hashes = DIRECTORY_HEADER + name.length + BLOB_HASHES * HASH_SIZE;
    this.bytes = new Uint8Array(hashes + pages * HASH_SIZE);
    const view = new DataView(this.bytes.buffer);
    const header = [CODE_DIRECTORY, this.bytes.length, 0x20400, FLAG.adhoc, hashes, DIRECTORY_HEADER];
    for (const [index, value] of [...header, BLOB_HASHES, pages, codeLimit].entries()) {
      view.setUint32(4 * index, value);
    }
    this.bytes.set([HASH_SIZE, SHA256, 0, Math.log2(PAGE_SIZE)], 36);
    view.setBigUint64(64, BigInt(text.offset));
    view.setBigUint64(72, BigInt(text.size));
    view.setBigUint64(80, BigInt(MAIN_BINARY));
    this.bytes.set(name, DIRECTORY_HEADER);
  }

  /** Fills in the hashes of all pages up to the code limit and of the blobs. */
  hash(program: Uint8Array, blobs: Blobs): void {
    const view = new DataView(this.bytes.buffer);
    const [first, codeLimit] = [view.getUint32(16), view.getUint32(32)];
    for (const [slot, blob] of blobs) this.bytes.set(sha256(blob), first - slot * HASH_SIZE);
    for (let at = 0, to = first; at < codeLimit; at += PAGE_SIZE, to += HASH_SIZE) {
      this.bytes.set(sha256(program.subarray(at, Math.min(at + PAGE_SIZE, codeLimit))), to);
    }
  }
}

const DIRECTORY_HEADER = 88;
const BLOB_HASHES = SLOT.derEntitlements;
const HASH_SIZE = 32;
const SHA256 = 2;
/** Of the hashes, not of the machine's memory: 4096 is right for both architectures, and what linkers use. */
const PAGE_SIZE = 4096;
/** Segments are mapped in the pages of the machine, 16 KiB on arm64. */
const SEGMENT_ALIGNMENT = 0x4000;

/** Writes where the signature is into the load commands; __LINKEDIT must end exactly with it. */
function placeSignature(signed: Uint8Array, { signature, linkedit }: MachO, size: number): void {
  const view = new DataView(signed.buffer);
  const linkeditSize = signed.length - linkedit.offset;
  view.setUint32((signature?.command ?? 0) + 12, size, true);
  view.setBigUint64(linkedit.command + 32, BigInt(alignUp(linkeditSize, SEGMENT_ALIGNMENT)), true);
  view.setBigUint64(linkedit.command + 48, BigInt(linkeditSize), true);
}

function superBlobSize(blobs: Blobs): number {
  return blobs.reduce((size, [, blob]) => size + 8 + blob.length, 12);
}

function superBlob(blobs: Blobs): Uint8Array {
  const bytes = new Uint8Array(superBlobSize(blobs));
  const view = new DataView(bytes.buffer);
  const header = [EMBEDDED_SIGNATURE, bytes.length, blobs.length];
  for (const [index, value] of header.entries()) view.setUint32(4 * index, value);
  let at = 12 + 8 * blobs.length;
  for (const [index, [slot, blob]] of blobs.entries()) {
    view.setUint32(12 + 8 * index, slot);
    view.setUint32(16 + 8 * index, at);
    bytes.set(blob, at);
    at += blob.length;
  }
  return bytes;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(bytes).digest();
}

function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
