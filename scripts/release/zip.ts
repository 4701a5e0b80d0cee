import { type ArchiveFile, inOrder } from "./files.ts";

/** Packs files into a zip archive, deflated; the same files and date give the same bytes. */
export function zip(files: readonly ArchiveFile[], date: Date): Uint8Array {
  const locals: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const file of inOrder(files)) {
    const entry = readEntry(file, date);
    locals.push(localHeader(entry), entry.deflated);
    directory.push(directoryHeader(entry, offset));
    offset += LOCAL_HEADER + entry.name.length + entry.deflated.length;
  }
  return Buffer.concat([...locals, ...directory, endOfDirectory(directory, offset)]);
}

// --- internal ---

// Layouts and numbers: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. All little-endian.
const LOCAL_HEADER = 30;
const DIRECTORY_HEADER = 46;
const END_OF_DIRECTORY = 22;
const VERSION_DEFLATE = 20;
const MADE_BY_UNIX = 3 << 8;
const METHOD_DEFLATE = 8;
const FLAG_UTF8_NAME = 0x800;
const REGULAR_FILE = 0o100000;

interface Entry {
  readonly name: Uint8Array;
  readonly deflated: Uint8Array;
  /** The fields that both headers share, from "version needed" to "extra field length". */
  readonly shared: Uint8Array;
  readonly mode: number;
}

function readEntry(file: ArchiveFile, date: Date): Entry {
  const name = Buffer.from(file.path);
  const deflated = Bun.deflateSync(file.content as Uint8Array<ArrayBuffer>, { level: 9 });
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(VERSION_DEFLATE, 0);
  shared.writeUInt16LE(FLAG_UTF8_NAME, 2);
  shared.writeUInt16LE(METHOD_DEFLATE, 4);
  shared.writeUInt32LE(dosTime(date), 6);
  shared.writeUInt32LE(Bun.hash.crc32(file.content), 10);
  shared.writeUInt32LE(deflated.length, 14);
  shared.writeUInt32LE(file.content.length, 18);
  shared.writeUInt16LE(name.length, 22);
  return { name, deflated, shared, mode: REGULAR_FILE | (file.executable ? 0o755 : 0o644) };
}

function localHeader({ name, shared }: Entry): Uint8Array {
  return Buffer.concat([Buffer.from("PK\x03\x04"), shared, name]);
}

function directoryHeader({ name, shared, mode }: Entry, offset: number): Uint8Array {
  const header = Buffer.alloc(DIRECTORY_HEADER);
  header.write("PK\x01\x02", 0);
  header.writeUInt16LE(MADE_BY_UNIX | VERSION_DEFLATE, 4);
  header.set(shared, 6);
  header.writeUInt32LE((mode << 16) >>> 0, 38);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, name]);
}

function endOfDirectory(directory: readonly Uint8Array[], offset: number): Uint8Array {
  const end = Buffer.alloc(END_OF_DIRECTORY);
  const size = directory.reduce((total, header) => total + header.length, 0);
  end.write("PK\x05\x06", 0);
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}

/** Two-second steps since 1980, in two 16-bit words: time in the lower, date in the upper. UTC, for lack of a zone. */
function dosTime(date: Date): number {
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  const day = ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  return ((day << 16) | time) >>> 0;
}
