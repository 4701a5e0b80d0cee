import { describe, expect, test } from "bun:test";
import pkg from "../../package.json" with { type: "json" };
import { binaryFaults } from "../../scripts/release/binary-check.ts";
import { readElf } from "../../scripts/release/elf.ts";
import { readPe } from "../../scripts/release/pe.ts";
import { SEALED_VARIABLES, seal, unsealedVariables } from "../../scripts/release/seal.ts";
import { BUN_VERSION, hostTarget, runsHere, TARGETS, type Target } from "../../scripts/release/targets.ts";
import { commandAt, signedSample } from "./mach-o-sample.ts";

const [macosArm, macosX64, linuxX64, linuxArm, linuxMusl, windows] = TARGETS as Record<number, Target> &
  Target[];

describe("the table of targets", () => {
  test("belongs to the version of Bun that package.json names", () => {
    expect(pkg.packageManager).toBe(`bun@${BUN_VERSION}`);
  });

  test("pins a runtime for each of its names", () => {
    expect(new Set(TARGETS.map(({ name }) => name)).size).toBe(TARGETS.length);
    expect(new Set(TARGETS.map(({ runtimeSum }) => runtimeSum)).size).toBe(TARGETS.length);
    for (const { runtimeSum } of TARGETS) expect(runtimeSum).toMatch(/^[0-9a-f]{64}$/);
  });

  test("has this machine, and only this one is said to run here", () => {
    expect(TARGETS.filter(runsHere)).toEqual([hostTarget()]);
  });
});

describe("sealing a runtime", () => {
  const runtime = (): Buffer =>
    Buffer.from(
      "\0PATH\0BUN_BE_BUN\0BUN_OPTIONS_LIST\0BUN_OPTIONS\0linkBUN_OPTIONSBUN_INSPECT\0BUN_INSPECT\0BUN_INSPECT_CONNECT_TO\0BUN_INSPECT_PRELOAD\0",
      "latin1",
    );

  test("blanks the names that are looked up and nothing else", () => {
    const sealed = runtime();
    expect(unsealedVariables(sealed)).toEqual([...SEALED_VARIABLES]);
    seal(sealed);
    expect(unsealedVariables(sealed)).toEqual([]);
    const changed = [...sealed.entries()].filter(([at, byte]) => byte !== runtime()[at]).map(([at]) => at);
    expect(
      changed.map((at) =>
        runtime()
          .subarray(at - 1, at + 10)
          .toString("latin1"),
      ),
    ).toEqual(["\0BUN_BE_BUN", "\0BUN_OPTION", "\0BUN_INSPEC", "\0BUN_INSPEC", "\0BUN_INSPEC"]);
  });

  test.each([
    ["a name that is not there", runtime().subarray(10)],
    ["a name that is there twice", Buffer.concat([runtime(), runtime()])],
  ])("refuses %s", (_, bytes) => {
    expect(() => seal(bytes)).toThrow(/cannot seal the runtime: BUN_\w+ found [02] times/);
  });

  test("is missed in the Bun that runs this test", async () => {
    const bytes = await Bun.file(process.execPath).bytes();
    expect(binaryFaults(bytes, hostTarget())).toContain("obeys the environment variable BUN_BE_BUN");
  });
});

describe("the check of a binary's bytes", () => {
  const sound: [Target, Uint8Array][] = [
    [macosArm!, signedSample()],
    [linuxX64!, elf(62, "/lib64/ld-linux-x86-64.so.2")],
    [linuxArm!, elf(183, "/lib/ld-linux-aarch64.so.1")],
    [linuxMusl!, elf(62, "/lib/ld-musl-x86_64.so.1")],
    [windows!, pe(0x8664, 3)],
  ];
  test.each(sound)("%o: a sound one passes", (target, bytes) => {
    expect(binaryFaults(bytes, target)).toEqual([]);
  });

  test.each(sound)("%o: one that obeys BUN_BE_BUN does not", (target, bytes) => {
    const obeying = Buffer.concat([bytes, Buffer.from("\0BUN_BE_BUN\0")]);
    expect(binaryFaults(obeying, target)).toContain("obeys the environment variable BUN_BE_BUN");
  });

  const wrong: [want: string, target: Target, bytes: Uint8Array][] = [
    ["built for arm64, not x64", macosX64!, signedSample()],
    ["needs macOS 14.0, not 13.0", macosArm!, withMinimum(14)],
    ["built for arm64, not x64", linuxX64!, elf(183, "/lib64/ld-linux-x86-64.so.2")],
    [
      "started by /lib/ld-musl-x86_64.so.1, not /lib64/ld-linux-x86-64.so.2",
      linuxX64!,
      elf(62, "/lib/ld-musl-x86_64.so.1"),
    ],
    [
      "started by /lib64/ld-linux-x86-64.so.2, not /lib/ld-musl-x86_64.so.1",
      linuxMusl!,
      elf(62, "/lib64/ld-linux-x86-64.so.2"),
    ],
    ["started by undefined, not /lib64/ld-linux-x86-64.so.2", linuxX64!, elf(62, undefined)],
    ["the program headers are cut off", linuxX64!, elf(62, "/lib64/x").subarray(0, 100)],
    ["not a 64-bit ELF file", linuxX64!, signedSample()],
    ["built for arm64, not x64", windows!, pe(0xaa64, 3)],
    ["not a console program", windows!, pe(0x8664, 2)],
    ["carries a signature that is not ours", windows!, pe(0x8664, 3, 0x1000)],
    ["not a Windows program", windows!, elf(62, undefined)],
    ["not a thin 64-bit Mach-O file", macosArm!, pe(0x8664, 3)],
  ];
  test.each(wrong)("says: %s", (want, target, bytes) => {
    expect(binaryFaults(bytes, target)).toContain(want);
  });

  test("never takes an empty or tiny file for a program", () => {
    for (const length of [0, 1, 4, 63, 64, 100]) {
      expect(() => readElf(new Uint8Array(length))).toThrow();
      expect(() => readPe(new Uint8Array(length))).toThrow();
    }
  });
});

// --- internal: the smallest files that have the fields the checks read ---

function elf(machine: number, interpreter: string | undefined): Uint8Array {
  const bytes = Buffer.alloc(256);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  if (interpreter === undefined) return bytes;
  bytes.writeUInt32LE(3, 64);
  bytes.writeBigUInt64LE(128n, 72);
  bytes.writeBigUInt64LE(BigInt(interpreter.length + 1), 96);
  bytes.write(interpreter, 128);
  return bytes;
}

function pe(machine: number, subsystem: number, certificates = 0): Uint8Array {
  const bytes = Buffer.alloc(512);
  bytes.write("MZ");
  bytes.writeUInt32LE(128, 60);
  bytes.write("PE\0\0", 128);
  bytes.writeUInt16LE(machine, 132);
  bytes.writeUInt16LE(0x20b, 152);
  bytes.writeUInt16LE(subsystem, 152 + 68);
  bytes.writeUInt32LE(certificates, 152 + 148);
  return bytes;
}

function withMinimum(major: number): Uint8Array {
  const bytes = signedSample();
  new DataView(bytes.buffer).setUint32(commandAt(bytes, 0x32) + 12, major << 16, true);
  return bytes;
}
