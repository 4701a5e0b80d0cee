const PAGE_SIZE = 4096;
/** Where the signature begins. The page before it is partial, as in real programs. */
export const CODE_LIMIT = 2 * PAGE_SIZE + 0x230;
/** Where the CodeDirectory begins: after the SuperBlob's header and its one index entry. */
export const DIRECTORY = CODE_LIMIT + 20;
/** Where the page hashes begin: after the CodeDirectory's header and the identifier. */
export const PAGE_HASHES = DIRECTORY + 88 + 8;
const END = PAGE_HASHES + 3 * 32;
const LINKEDIT = 2 * PAGE_SIZE;

/** A Mach-O file of three pages with the load commands that matter, signed the way linkers sign. */
export function signedSample(): Buffer {
  const bytes = Buffer.alloc(END).map((_, index) => (index * 31) & 0xff) as Buffer;
  const commands = Buffer.concat([
    segment("__TEXT", 0, LINKEDIT),
    segment("__LINKEDIT", LINKEDIT, END - LINKEDIT),
    littleEndian(0x1d, 16, CODE_LIMIT, END - CODE_LIMIT),
  ]);
  bytes.set(littleEndian(0xfeedfacf, 0x0100000c, 0, 2, 3, commands.length, 0, 0));
  bytes.set(commands, 32);
  bytes.set(bigEndian(0xfade0cc0, END - CODE_LIMIT, 1, 0, DIRECTORY - CODE_LIMIT), CODE_LIMIT);
  bytes.set(codeDirectory(), DIRECTORY);
  for (let page = 0; page < 3; page++) {
    const content = bytes.subarray(page * PAGE_SIZE, Math.min((page + 1) * PAGE_SIZE, CODE_LIMIT));
    bytes.set(new Bun.CryptoHasher("sha256").update(content).digest(), PAGE_HASHES + 32 * page);
  }
  return bytes;
}

/** The offset of the sample's first load command with this number. */
export function commandAt(bytes: Buffer, kind: number): number {
  let at = 32;
  while (bytes.readUInt32LE(at) !== kind) at += bytes.readUInt32LE(at + 4);
  return at;
}

// --- internal ---

/** Version 0x20400, flags adhoc and linker-signed, SHA-256, an executable segment with the main-binary flag. */
function codeDirectory(): Buffer {
  const hashes = PAGE_HASHES - DIRECTORY;
  const header = bigEndian(0xfade0c02, END - DIRECTORY, 0x20400, 0x20002, hashes, 88, 0, 3, CODE_LIMIT);
  const fields = Buffer.concat([
    header,
    Buffer.from([32, 2, 0, 12]),
    Buffer.alloc(48),
    Buffer.from("sample\0\0"),
  ]);
  fields.writeBigUInt64BE(BigInt(LINKEDIT), 72);
  fields.writeBigUInt64BE(1n, 80);
  return fields;
}

function segment(name: string, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(72);
  bytes.set(littleEndian(0x19, 72));
  bytes.write(name, 8);
  bytes.writeBigUInt64LE(BigInt(offset), 40);
  bytes.writeBigUInt64LE(BigInt(size), 48);
  return bytes;
}

function littleEndian(...values: number[]): Buffer {
  return bigEndian(...values).swap32();
}

function bigEndian(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}
