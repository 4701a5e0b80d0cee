import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArchiveFile, tarGz, zip } from "../../scripts/release/archive.ts";
import { seeded } from "../support/seeded.ts";

const DATE = new Date("2026-11-23T09:10:12Z");
const FILES: readonly ArchiveFile[] = [
  { path: "tool-1/tool", content: noise(100_000), executable: true },
  { path: "tool-1/man/tool.1", content: Buffer.from(".Dd today\n"), executable: false },
  { path: "tool-1/empty", content: new Uint8Array(), executable: false },
  { path: "tool-1/block", content: noise(512), executable: false },
];

describe.each([
  ["tar.gz", tarGz],
  ["zip", zip],
] as const)("a %s archive", (_, pack) => {
  test("has the same bytes for any order of the files", () => {
    expect(pack(FILES.toReversed(), DATE)).toEqual(pack(FILES, DATE));
  });

  test("differs with the date", () => {
    expect(pack(FILES, new Date(DATE.getTime() + 2000))).not.toEqual(pack(FILES, DATE));
  });

  test("has the same bytes in every time zone", () => {
    const here = process.env.TZ;
    const packed = ["UTC", "America/Los_Angeles", "Asia/Kolkata"].map((zone) => {
      process.env.TZ = zone;
      return pack(FILES, DATE);
    });
    if (here === undefined) delete process.env.TZ;
    else process.env.TZ = here;
    expect(packed[1]).toEqual(packed[0]!);
    expect(packed[2]).toEqual(packed[0]!);
  });
});

describe("a tar.gz archive", () => {
  test("can be read by Bun", async () => {
    const files = await new Bun.Archive(tarGz(FILES, DATE)).files();
    expect([...files.keys()].sort()).toEqual(FILES.map(({ path }) => path).sort());
    for (const { path, content } of FILES)
      expect(await files.get(path)?.bytes()).toEqual(new Uint8Array(content));
  });

  test.skipIf(!Bun.which("tar"))("is listed by tar with modes, owner and date, folders first", async () => {
    const listing = await withFile("a.tar.gz", tarGz(FILES, DATE), (path) =>
      run(["tar", "--list", "--verbose", "--numeric-owner", "--file", path], { TZ: "UTC" }),
    );
    const rows = listing
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    expect(rows.map((row) => [row[0], row.at(-1)])).toEqual([
      ["drwxr-xr-x", "tool-1/"],
      ["drwxr-xr-x", "tool-1/man/"],
      ["-rw-r--r--", "tool-1/block"],
      ["-rw-r--r--", "tool-1/empty"],
      ["-rw-r--r--", "tool-1/man/tool.1"],
      ["-rwxr-xr-x", "tool-1/tool"],
    ]);
  });

  test("has neither a system nor a time in its gzip header", () => {
    expect(tarGz(FILES, DATE).subarray(0, 10)).toEqual(
      new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]),
    );
  });

  test("ends with two empty blocks, even when its entries fill whole records of 20 blocks", () => {
    // Two headers, and 18 blocks of content.
    const files = [{ path: "tool-1/tool", content: noise(18 * 512), executable: true }];
    const tar = Bun.gunzipSync(tarGz(files, DATE) as Uint8Array<ArrayBuffer>);
    expect(tar.length).toBe(20 * 512 + 1024);
    expect(tar.subarray(-1024).every((byte) => byte === 0)).toBe(true);
  });

  test("refuses a path that the format cannot hold", () => {
    const long = { path: "x".repeat(101), content: new Uint8Array(), executable: false };
    expect(() => tarGz([long], DATE)).toThrow("path too long");
  });
});

describe("a zip archive", () => {
  test.skipIf(!Bun.which("python3"))("can be read by Python, with contents, modes and date", async () => {
    const script = `import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
for i in archive.infolist(): print(i.filename, oct(i.external_attr >> 16), i.file_size, i.date_time)`;
    const listing = await withFile("a.zip", zip(FILES, DATE), (path) => run(["python3", "-c", script, path]));
    expect(listing.trim().split("\n")).toEqual([
      "tool-1/block 0o100644 512 (2026, 11, 23, 9, 10, 12)",
      "tool-1/empty 0o100644 0 (2026, 11, 23, 9, 10, 12)",
      "tool-1/man/tool.1 0o100644 10 (2026, 11, 23, 9, 10, 12)",
      "tool-1/tool 0o100755 100000 (2026, 11, 23, 9, 10, 12)",
    ]);
  });
});

// --- internal ---

/** Bytes that do not compress; the same for the same length. */
function noise(length: number): Uint8Array {
  const random = seeded(length);
  return new Uint8Array(length).map(() => random.below(256));
}

async function withFile<T>(name: string, bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "archive-"));
  try {
    await Bun.write(join(folder, name), bytes);
    return await use(join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function run(command: string[], env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn(command, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const output = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return output;
}
