import { posix } from "node:path";
import { type Zippable, zipSync } from "fflate";
import { createTar } from "nanotar";

/** One file of an archive. */
export interface ArchiveFile {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable: boolean;
}

/** Packs files into a gzip-compressed tar archive. The same files and date give the same bytes. */
export function tarGz(files: readonly ArchiveFile[], date: Date): Uint8Array {
  const attrs = { uid: 0, gid: 0, mtime: date.getTime() };
  const folders = new Set(files.map(({ path }) => `${posix.dirname(path)}/`));
  const tar = createTar([
    ...[...folders].sort().map((name) => ({ name, attrs: { ...attrs, mode: "755" } })),
    ...sorted(files).map((file) => ({
      name: tarName(file.path),
      data: file.content,
      attrs: { ...attrs, mode: mode(file).toString(8) },
    })),
  ]);
  const gzip = Bun.gzipSync(Buffer.concat([tar, END_OF_TAR]), { level: 9 });
  gzip[OS_FIELD] = UNKNOWN_OS;
  return gzip;
}

/** Packs files into a zip archive. The same files and date give the same bytes. */
export function zip(files: readonly ArchiveFile[], date: Date): Uint8Array {
  // The format stores local time. A string without a time zone makes fflate store UTC on every machine.
  const mtime = date.toISOString().slice(0, "2026-01-31T12:00:00".length);
  const entries: Zippable = {};
  for (const file of sorted(files)) {
    entries[file.path] = [file.content, { attrs: (REGULAR_FILE | mode(file)) << 16 }];
  }
  return zipSync(entries, { level: 9, os: UNIX, mtime });
}

// --- internal ---

/** POSIX requires two empty blocks at the end. nanotar omits them when the entries fill whole 10,240-byte records. */
const END_OF_TAR = new Uint8Array(1024);

// zlib would write the system it was built for (RFC 1952, section 2.3.1).
const OS_FIELD = 9;
const UNKNOWN_OS = 255;

// The upper half of a zip entry's attributes is the Unix mode (PKWARE APPNOTE, section 4.4.15; stat(2)).
const UNIX = 3;
const REGULAR_FILE = 0o100000;

function sorted(files: readonly ArchiveFile[]): ArchiveFile[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function mode({ executable }: ArchiveFile): number {
  return executable ? 0o755 : 0o644;
}

/** nanotar silently truncates longer names. */
function tarName(path: string): string {
  if (Buffer.byteLength(path) > 100) throw new Error(`path too long for a tar archive: ${path}`);
  return path;
}
