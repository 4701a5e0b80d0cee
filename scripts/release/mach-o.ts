/** A run of bytes of the file. */
export interface Range {
  readonly offset: number;
  readonly size: number;
}

/** What a release has to know of a thin 64-bit Mach-O executable, read from its load commands. */
export interface MachO {
  readonly cpu: "arm64" | "x64" | "unknown";
  readonly executable: boolean;
  /** LC_BUILD_VERSION's `minos`, as in "13.0". */
  readonly minimumMacos: string | undefined;
  readonly text: Segment;
  readonly linkedit: Segment;
  /** LC_CODE_SIGNATURE: where its load command stands, and the bytes that it points to. */
  readonly signature: (Range & { readonly command: number }) | undefined;
}

/** A segment's part of the file, and where its load command stands. */
export interface Segment extends Range {
  readonly command: number;
}

/** Reads the load commands; throws when the bytes are no such file or the commands leave it. */
export function readMachO(bytes: Uint8Array): MachO {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < HEADER_SIZE || view.getUint32(0, true) !== MH_MAGIC_64) {
    throw new Error("not a thin 64-bit Mach-O file");
  }
  const commands = [...loadCommands(view)];
  return {
    cpu: CPUS[view.getUint32(4, true)] ?? "unknown",
    executable: view.getUint32(12, true) === MH_EXECUTE,
    minimumMacos: minimumMacos(view, commands),
    text: segment(view, commands, "__TEXT"),
    linkedit: segment(view, commands, "__LINKEDIT"),
    signature: codeSignature(view, commands),
  };
}

// --- internal ---

// Numbers and layouts: xnu, EXTERNAL_HEADERS/mach-o/loader.h and osfmk/mach/machine.h.
const MH_MAGIC_64 = 0xfeedfacf;
const MH_EXECUTE = 2;
const HEADER_SIZE = 32;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const LC_BUILD_VERSION = 0x32;
const PLATFORM_MACOS = 1;
const CPUS: Partial<Record<number, "arm64" | "x64">> = { 16777228: "arm64", 16777223: "x64" };

interface LoadCommand {
  readonly kind: number;
  readonly at: number;
}

function* loadCommands(view: DataView): Generator<LoadCommand> {
  const end = HEADER_SIZE + view.getUint32(20, true);
  let at = HEADER_SIZE;
  for (let left = view.getUint32(16, true); left > 0; left--) {
    const size = at + 8 <= view.byteLength ? view.getUint32(at + 4, true) : 0;
    if (size < 8 || at + size > end || end > view.byteLength) {
      throw new Error(`load command at ${at} leaves the load commands`);
    }
    yield { kind: view.getUint32(at, true), at };
    at += size;
  }
}

function segment(view: DataView, commands: readonly LoadCommand[], name: string): Segment {
  const padded = name.padEnd(16, "\0");
  const found = commands.find(({ kind, at }) => kind === LC_SEGMENT_64 && text16(view, at + 8) === padded);
  if (!found) throw new Error(`no segment ${name}`);
  return {
    command: found.at,
    offset: Number(view.getBigUint64(found.at + 40, true)),
    size: Number(view.getBigUint64(found.at + 48, true)),
  };
}

function text16(view: DataView, at: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, 16).toString("latin1");
}

function minimumMacos(view: DataView, commands: readonly LoadCommand[]): string | undefined {
  const found = commands.find(({ kind }) => kind === LC_BUILD_VERSION);
  if (!found || view.getUint32(found.at + 8, true) !== PLATFORM_MACOS) return undefined;
  // X.Y.Z in nibbles xxxx.yy.zz.
  const version = view.getUint32(found.at + 12, true);
  return `${version >>> 16}.${(version >>> 8) & 0xff}`;
}

function codeSignature(view: DataView, commands: readonly LoadCommand[]): MachO["signature"] {
  const found = commands.find(({ kind }) => kind === LC_CODE_SIGNATURE);
  if (!found) return undefined;
  return {
    command: found.at,
    offset: view.getUint32(found.at + 8, true),
    size: view.getUint32(found.at + 12, true),
  };
}
