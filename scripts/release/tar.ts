import { type ArchiveFile, inOrder } from "./files.ts";

/**
 * Packs files into a gzip-compressed tar archive. The same files and date give the same bytes: entries are sorted,
 * belong to user 0, have two modes only and all carry the one date.
 */
export function tarGz(files: readonly ArchiveFile[], date: Date): Uint8Array {
  const ordered = inOrder(files);
  const parts = [
    ...folders(ordered).map((path) => header(path, 0, 0o755, "5", date)),
    ...ordered.flatMap((file) => [
      header(file.path, file.content.length, file.executable ? 0o755 : 0o644, "0", date),
      file.content,
      new Uint8Array(-file.content.length & (BLOCK - 1)),
    ]),
    // The end of an archive is two empty blocks.
    new Uint8Array(2 * BLOCK),
  ];
  const compressed = Bun.gzipSync(Buffer.concat(parts), { level: 9 });
  // RFC 1952, 2.3: no time, and 255 for an unknown system; zlib would write that of the machine.
  compressed.fill(0, 4, 8);
  compressed[9] = 255;
  return compressed;
}

// --- internal ---

const BLOCK = 512;

/** Every folder above a file, outermost first, with the slash that marks it. */
function folders(files: readonly ArchiveFile[]): string[] {
  const all = files.flatMap(({ path }) => {
    const names = path.split("/").slice(0, -1);
    return names.map((_, depth) => `${names.slice(0, depth + 1).join("/")}/`);
  });
  return [...new Set(all)].sort();
}

/** A header block of POSIX.1-1988 (ustar): fields at fixed places, numbers in octal, text ended by NUL. */
function header(path: string, size: number, mode: number, kind: "0" | "5", date: Date): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(path) > 100) throw new Error(`path too long for a tar archive: ${path}`);
  block.write(path, 0);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(Math.floor(date.getTime() / 1000), 12), 136);
  // The checksum is taken with blanks in its own place.
  block.write(" ".repeat(8), 148);
  block.write(kind, 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)} `, 148);
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}
