import { readElf } from "./elf.ts";
import { readMachO } from "./mach-o.ts";
import { readPe } from "./pe.ts";
import { unsealedVariables } from "./seal.ts";
import { entitlementFaults, signatureFaults } from "./signature-check.ts";
import type { Target } from "./targets.ts";

/** Says by a binary's bytes alone all that would keep it from running on its target, or nothing. */
export function binaryFaults(bytes: Uint8Array, target: Target): string[] {
  const unsealed = unsealedVariables(bytes).map((name) => `obeys the environment variable ${name}`);
  try {
    return [...CHECKS[target.os](bytes, target), ...unsealed];
  } catch (error) {
    return [(error as Error).message];
  }
}

// --- internal ---

const CHECKS = { macos: macosFaults, linux: linuxFaults, windows: windowsFaults };

/** What Bun 1.4.5 needs; a runtime that needs more must not reach users unseen, and the README names this version. */
const MINIMUM_MACOS = "13.0";

function macosFaults(bytes: Uint8Array, target: Target): string[] {
  const { cpu, executable, minimumMacos } = readMachO(bytes);
  return [
    ...unless(cpu === target.arch, `built for ${cpu}, not ${target.arch}`),
    ...unless(executable, "not an executable"),
    ...unless(minimumMacos === MINIMUM_MACOS, `needs macOS ${minimumMacos}, not ${MINIMUM_MACOS}`),
    ...signatureFaults(bytes),
    ...entitlementFaults(bytes),
  ];
}

const INTERPRETERS = {
  "x64 glibc": "/lib64/ld-linux-x86-64.so.2",
  "arm64 glibc": "/lib/ld-linux-aarch64.so.1",
  "x64 musl": "/lib/ld-musl-x86_64.so.1",
  "arm64 musl": "/lib/ld-musl-aarch64.so.1",
} as const;

function linuxFaults(bytes: Uint8Array, target: Target): string[] {
  const { arch, interpreter } = readElf(bytes);
  const wanted = INTERPRETERS[`${target.arch} ${target.libc ?? "glibc"}`];
  return [
    ...unless(arch === target.arch, `built for ${arch}, not ${target.arch}`),
    ...unless(interpreter === wanted, `started by ${interpreter}, not ${wanted}`),
  ];
}

/** A certificate table would be that of Bun's release, which no longer fits: Windows then warns of tampering. */
function windowsFaults(bytes: Uint8Array, target: Target): string[] {
  const { arch, console, certificates } = readPe(bytes);
  return [
    ...unless(arch === target.arch, `built for ${arch}, not ${target.arch}`),
    ...unless(console, "not a console program"),
    ...unless(certificates.size === 0, "carries a signature that is not ours"),
  ];
}

function unless(holds: boolean, fault: string): string[] {
  return holds ? [] : [fault];
}
