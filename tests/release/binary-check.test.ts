import { describe, expect, test } from "bun:test";
import pkg from "../../package.json" with { type: "json" };
import { binaryFaults } from "../../scripts/release/binary-check.ts";
import { SEALED_VARIABLES, seal, unsealedVariables } from "../../scripts/release/seal.ts";
import { BUN_VERSION, hostTarget, runsHere, TARGETS } from "../../scripts/release/targets.ts";
import { signedSample } from "./mach-o-sample.ts";

describe("the table of targets", () => {
  test("is for the version of Bun that package.json names", () => {
    expect(pkg.packageManager).toBe(`bun@${BUN_VERSION}`);
  });

  test("pins a runtime for each of its names", () => {
    expect(new Set(TARGETS.map(({ name }) => name)).size).toBe(TARGETS.length);
    expect(new Set(TARGETS.map(({ runtimeSum }) => runtimeSum)).size).toBe(TARGETS.length);
    for (const { runtimeSum } of TARGETS) expect(runtimeSum).toMatch(/^[0-9a-f]{64}$/);
  });

  test("has this machine's target, and no other runs here", () => {
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
    ["a missing name", runtime().subarray(10)],
    ["a duplicate name", Buffer.concat([runtime(), runtime()])],
  ])("refuses %s", (_, bytes) => {
    expect(() => seal(bytes)).toThrow(/cannot seal the runtime: BUN_\w+ found [02] times/);
  });

  test("has not happened to the Bun that runs this test", async () => {
    const bytes = await Bun.file(process.execPath).bytes();
    expect(binaryFaults(bytes, hostTarget())).toContain("obeys the environment variable BUN_BE_BUN");
  });
});

describe.each(TARGETS.map((target) => [target.name, target] as const))("the check of %s", (_, target) => {
  const sound = target.os === "macos" ? signedSample() : Buffer.from("a program");

  test("accepts a sealed binary", () => {
    expect(binaryFaults(sound, target)).toEqual([]);
  });

  test("refuses a binary that obeys BUN_BE_BUN", () => {
    const obeying = Buffer.concat([sound, Buffer.from("\0BUN_BE_BUN\0")]);
    expect(binaryFaults(obeying, target)).toContain("obeys the environment variable BUN_BE_BUN");
  });
});

test("the check of macos-arm64 covers the signature", () => {
  const macos = TARGETS.find(({ os }) => os === "macos")!;
  expect(binaryFaults(Buffer.from("not signed"), macos)).toEqual([
    "cannot read the signature: not a thin 64-bit Mach-O file",
  ]);
});
