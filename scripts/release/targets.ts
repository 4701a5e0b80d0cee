import { existsSync } from "node:fs";

/** A platform that a release is built for. */
export interface Target {
  /** The last part of the archive's name: `cache-proxy-<version>-<name>.tar.gz`. */
  readonly name: string;
  readonly os: "macos" | "linux" | "windows";
  readonly arch: "arm64" | "x64";
  /** The C library that the runtime is linked with; Linux only. */
  readonly libc?: "glibc" | "musl";
  /** Bun's name for the target, and the SHA-256 of the runtime that Bun downloads for it. */
  readonly bun: Bun.Build.CompileTarget;
  readonly runtimeSum: string;
  readonly archive: "tar.gz" | "zip";
}

/** The version of Bun that these sums are for. package.json's `packageManager` must name the same version. */
export const BUN_VERSION = "1.4.5";

/**
 * The sums pin the runtime in every release: no other bytes are shipped, whatever a registry or a cache returns. Bun
 * 1.4.5 has one runtime for x64: its `-baseline` and `-modern` names download the same file.
 */
export const TARGETS: readonly Target[] = [
  {
    name: "macos-arm64",
    os: "macos",
    arch: "arm64",
    bun: "bun-darwin-arm64",
    runtimeSum: "e2984124f1514e1e6bbda20adedbf07a02c443c6a5828853a15c7c7abf78e19f",
    archive: "tar.gz",
  },
  {
    name: "linux-x64",
    os: "linux",
    arch: "x64",
    libc: "glibc",
    bun: "bun-linux-x64",
    runtimeSum: "f05d28a3862f4b84395c7fa32480b835dd47482e80b7e7a49a115227f0c06083",
    archive: "tar.gz",
  },
  {
    name: "linux-arm64",
    os: "linux",
    arch: "arm64",
    libc: "glibc",
    bun: "bun-linux-arm64",
    runtimeSum: "04778f1f42399a69d086853e9c7af4acf574b2f21a43d0dc673853d8b84a2923",
    archive: "tar.gz",
  },
  {
    name: "linux-x64-musl",
    os: "linux",
    arch: "x64",
    libc: "musl",
    bun: "bun-linux-x64-musl",
    runtimeSum: "cf5d285ddbe256785a5121a3c113191a6b577504976374c7cfd5aedca609b720",
    archive: "tar.gz",
  },
  {
    name: "windows-x64",
    os: "windows",
    arch: "x64",
    bun: "bun-windows-x64",
    runtimeSum: "e06ad0864463c68892ae71a2a64af7eae1585cac5dd9b80bc042f45605587cb1",
    archive: "zip",
  },
];

/** Returns this machine's target. Throws when the table has none. */
export function hostTarget(): Target {
  const target = TARGETS.find(runsHere);
  if (target) return target;
  const known = TARGETS.map(({ name }) => name).join(", ");
  throw new Error(`no target for ${process.platform} ${process.arch}; the targets are ${known}`);
}

/** Reports whether this machine can run a binary for the target. */
export function runsHere(target: Target): boolean {
  return (
    target.os === OS_NAMES[process.platform] &&
    target.arch === process.arch &&
    (target.libc === undefined || target.libc === hostLibc())
  );
}

/** The binary's file name in the archive. */
export function binaryName(target: Target): string {
  return target.os === "windows" ? "cache-proxy.exe" : "cache-proxy";
}

// --- internal ---

const OS_NAMES: Partial<Record<NodeJS.Platform, Target["os"]>> = {
  darwin: "macos",
  linux: "linux",
  win32: "windows",
};

/** Alpine has only musl's loader. Debian with the musl package has both, and uses glibc. */
function hostLibc(): "glibc" | "musl" {
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const glibc = arch === "aarch64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";
  return !existsSync(glibc) && existsSync(`/lib/ld-musl-${arch}.so.1`) ? "musl" : "glibc";
}
