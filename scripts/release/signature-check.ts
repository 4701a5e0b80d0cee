import { type MachO, type Range, readMachO } from "./mach-o.ts";

/**
 * Lists what is wrong with the signature that Bun puts on a macOS binary; empty when macOS would accept it. macOS kills
 * a program with a bad signature at launch, and Bun 1.3.12 to 1.4.0 wrote several kinds of bad ones
 * (oven-sh/bun#29120, oven-sh/bun#39764). Accepts only the form that Bun and linkers write: ad hoc, one SHA-256
 * CodeDirectory, no entitlements.
 */
export function signatureFaults(bytes: Uint8Array): string[] {
  const binary = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const file = readMachO(binary);
    if (!file.signature) return ["not signed"];
    const directory = readCodeDirectory(binary, file.signature);
    const faults = [...placeFaults(file, file.signature, binary.length), ...directoryFaults(directory, file)];
    return [...faults, ...pageFaults(directory, binary)];
  } catch (error) {
    return [`cannot read the signature: ${(error as Error).message}`];
  }
}

// --- internal ---

// Numbers and layouts: xnu, osfmk/kern/cs_blobs.h. All big-endian.
const EMBEDDED_SIGNATURE = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const CODE_DIRECTORY_SLOT = 0;
const FIRST_VERSION_WITH_EXECUTABLE_SEGMENT = 0x20400;
const ADHOC = 0x2;
const HARDENED_RUNTIME = 0x10000;
const SHA256 = 2;
const HASH_SIZE = 32;
const MAIN_BINARY = 1n;

/** The hash of every page of the file before the signature, and what the signature claims about the file. */
interface CodeDirectory {
  readonly flags: number;
  readonly codeLimit: number;
  readonly pageSize: number;
  readonly pageHashes: readonly Buffer[];
  readonly executable: Range;
  readonly executableFlags: bigint;
}

function readCodeDirectory(binary: Buffer, { offset, size }: Range): CodeDirectory {
  const area = slice(binary, offset, size);
  if (area.readUInt32BE(0) !== EMBEDDED_SIGNATURE) throw new Error("not a SuperBlob");
  const blobs = slice(area, 0, area.readUInt32BE(4));
  if (blobs.readUInt32BE(8) !== 1 || blobs.readUInt32BE(12) !== CODE_DIRECTORY_SLOT) {
    throw new Error("expected one blob, the CodeDirectory");
  }
  const at = blobs.readUInt32BE(16);
  const directory = slice(blobs, at, blobs.readUInt32BE(at + 4));
  const known =
    directory.readUInt32BE(0) === CODE_DIRECTORY &&
    directory.readUInt32BE(8) >= FIRST_VERSION_WITH_EXECUTABLE_SEGMENT &&
    directory.readUInt8(36) === HASH_SIZE &&
    directory.readUInt8(37) === SHA256;
  if (!known) throw new Error("unknown kind of CodeDirectory");
  return parse(directory);
}

function parse(directory: Buffer): CodeDirectory {
  const pages = directory.readUInt32BE(28);
  const hashes = slice(directory, directory.readUInt32BE(16), pages * HASH_SIZE);
  return {
    flags: directory.readUInt32BE(12),
    // The 64-bit limit counts unless it is zero.
    codeLimit: Number(directory.readBigUInt64BE(56)) || directory.readUInt32BE(32),
    pageSize: 2 ** directory.readUInt8(39),
    pageHashes: Array.from({ length: pages }, (_, page) =>
      hashes.subarray(page * HASH_SIZE).subarray(0, HASH_SIZE),
    ),
    executable: {
      offset: Number(directory.readBigUInt64BE(64)),
      size: Number(directory.readBigUInt64BE(72)),
    },
    executableFlags: directory.readBigUInt64BE(80),
  };
}

function slice(bytes: Buffer, offset: number, size: number): Buffer {
  if (offset + size > bytes.length) throw new Error("cut off");
  return bytes.subarray(offset, offset + size);
}

function placeFaults({ linkedit }: MachO, { offset, size }: Range, fileSize: number): string[] {
  return failed([
    [offset + size === fileSize, `${fileSize - offset - size} bytes after the signature`],
    [linkedit.offset + linkedit.size === offset + size, "__LINKEDIT does not end with the signature"],
  ]);
}

function directoryFaults(directory: CodeDirectory, { text, signature }: MachO): string[] {
  const { flags, codeLimit, pageSize, pageHashes, executable } = directory;
  const pages = Math.ceil(codeLimit / pageSize);
  return failed([
    [(flags & ADHOC) !== 0, "not signed ad hoc"],
    // The hardened runtime forbids just-in-time compilation unless an entitlement allows it.
    [(flags & HARDENED_RUNTIME) === 0, "hardened runtime without entitlements"],
    [codeLimit === signature?.offset, `code limit ${codeLimit} is not the start of the signature`],
    [pages === pageHashes.length, `${pageHashes.length} page hashes for ${pages} pages`],
    [
      executable.offset === text.offset && executable.size === text.size,
      "the executable segment is not __TEXT",
    ],
    [(directory.executableFlags & MAIN_BINARY) !== 0n, "not signed as a main binary"],
  ]);
}

function failed(checks: readonly [holds: boolean, fault: string][]): string[] {
  return checks.filter(([holds]) => !holds).map(([, fault]) => fault);
}

/** Bun 1.4.0 padded the last page with zeros; macOS hashes it up to the code limit only. */
function pageFaults({ codeLimit, pageSize, pageHashes }: CodeDirectory, binary: Buffer): string[] {
  const bad = pageHashes.flatMap((want, page) => {
    const content = binary.subarray(page * pageSize, Math.min((page + 1) * pageSize, codeLimit));
    return want.equals(new Bun.CryptoHasher("sha256").update(content).digest()) ? [] : [page];
  });
  if (bad.length === 0) return [];
  return [`${bad.length} of ${pageHashes.length} pages changed after signing, first page ${bad[0]}`];
}
