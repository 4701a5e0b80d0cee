import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { BUN_VERSION, type Target } from "./targets.ts";

/**
 * Returns the bytes of Bun's runtime for a target. Bun downloads it on first use into the user's cache folder. Throws
 * when its SHA-256 is not the one in the table of targets.
 */
export async function readRuntime(target: Target): Promise<Uint8Array> {
  const cached = cachedPath(target);
  for (const path of [process.execPath, cached]) {
    if (!existsSync(path)) continue;
    const bytes = await Bun.file(path).bytes();
    if (sha256(bytes) === target.runtimeSum) return bytes;
  }
  await download(target, cached);
  const bytes = await Bun.file(cached).bytes();
  const sum = sha256(bytes);
  if (sum === target.runtimeSum) return bytes;
  throw new Error(`the runtime ${target.bun} has SHA-256 ${sum}, expected ${target.runtimeSum}`);
}

// --- internal ---

/** Where Bun puts the runtime; it calls the processor aarch64 in file names. */
function cachedPath(target: Target): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const name = `${target.bun.replace("arm64", "aarch64")}-v${BUN_VERSION}`;
  return join(cache, "cache-proxy", "bun-runtimes", name);
}

/** Compiling anything for a target makes Bun download the target's runtime into its cache folder. */
async function download(target: Target, path: string): Promise<void> {
  const cache = dirname(path);
  rmSync(path, { force: true });
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "download-"));
  try {
    await Bun.write(join(folder, "entry.js"), "");
    const command = [
      "build",
      "--compile",
      `--target=${target.bun}-v${BUN_VERSION}`,
      "entry.js",
      "--outfile",
      "out",
    ];
    const child = Bun.spawn([process.execPath, ...command], {
      cwd: folder,
      env: { ...process.env, BUN_INSTALL_CACHE_DIR: cache },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const errors = await new Response(child.stderr).text();
    if ((await child.exited) !== 0 || !existsSync(path)) {
      throw new Error(`cannot download the runtime ${target.bun}: ${errors.trim()}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
