/** A range of bytes in the file. */
export interface Range {
  readonly offset: number;
  readonly size: number;
}

/** The parts of a Mach-O executable that its code signature depends on. */
export interface MachO {
  readonly text: Range;
  readonly linkedit: Range;
  readonly signature: Range | undefined;
}

/** Reads the load commands. Throws when the file is not a thin 64-bit Mach-O file or is cut off inside them. */
export function readMachO(file: Buffer): MachO {
  if (file.length < HEADER_SIZE || file.readUInt32LE(0) !== MH_MAGIC_64) {
    throw new Error("not a thin 64-bit Mach-O file");
  }
  const commands = loadCommands(file);
  const signature = commands.find((command) => command.readUInt32LE(0) === LC_CODE_SIGNATURE);
  return {
    text: segment(commands, "__TEXT"),
    linkedit: segment(commands, "__LINKEDIT"),
    signature: signature && { offset: signature.readUInt32LE(8), size: signature.readUInt32LE(12) },
  };
}

// --- internal ---

// Numbers and layouts: xnu, EXTERNAL_HEADERS/mach-o/loader.h.
const MH_MAGIC_64 = 0xfeedfacf;
const HEADER_SIZE = 32;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;

function loadCommands(file: Buffer): Buffer[] {
  const commands: Buffer[] = [];
  const end = HEADER_SIZE + file.readUInt32LE(20);
  let at = HEADER_SIZE;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const size = at + 8 <= file.length ? file.readUInt32LE(at + 4) : 0;
    if (size < 8 || at + size > Math.min(end, file.length)) throw new Error(`bad load command at ${at}`);
    commands.push(file.subarray(at, at + size));
    at += size;
  }
  return commands;
}

function segment(commands: readonly Buffer[], name: string): Range {
  const found = commands.find(
    (command) =>
      command.readUInt32LE(0) === LC_SEGMENT_64 &&
      command.toString("latin1", 8, 24) === name.padEnd(16, "\0"),
  );
  if (!found) throw new Error(`no segment ${name}`);
  return { offset: Number(found.readBigUInt64LE(40)), size: Number(found.readBigUInt64LE(48)) };
}
