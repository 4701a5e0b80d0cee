import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { BUN_VERSION, type Target } from "./targets.ts";

/**
 * Returns the bytes of Bun's runtime for a target, fetched by Bun itself on first use and kept in the user's cache
 * folder. Throws when they are not those that the table of targets pins.
 */
export async function readRuntime(target: Target): Promise<Uint8Array> {
  for (const path of [process.execPath, cachedPath(target)]) {
    if (!existsSync(path)) continue;
    const bytes = await Bun.file(path).bytes();
    if (sha256(bytes) === target.runtimeSum) return bytes;
  }
  return fetchRuntime(target);
}

// --- internal ---

function cachedPath(target: Target): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "cache-proxy", "bun-runtimes", `${target.bun}-v${BUN_VERSION}`);
}

async function fetchRuntime(target: Target): Promise<Uint8Array> {
  const path = cachedPath(target);
  mkdirSync(join(path, ".."), { recursive: true });
  // Beside its final place, so that the rename below stays on one file system.
  const folder = mkdtempSync(`${path}-`);
  try {
    const fetched = await letBunFetch(target, folder);
    const bytes = await Bun.file(fetched).bytes();
    const sum = sha256(bytes);
    if (sum !== target.runtimeSum) {
      throw new Error(`the runtime ${target.bun} has SHA-256 ${sum}, the table says ${target.runtimeSum}`);
    }
    renameSync(fetched, path);
    return bytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Compiling anything for a target makes Bun fetch its runtime; in a cache folder of its own that is the only file. */
async function letBunFetch(target: Target, folder: string): Promise<string> {
  const cache = join(folder, "cache");
  const entry = join(folder, "entry.js");
  await Bun.write(entry, "");
  mkdirSync(cache);
  const command = ["build", "--compile", `--target=${target.bun}-v${BUN_VERSION}`, entry];
  const child = Bun.spawn([process.execPath, ...command, "--outfile", join(folder, "out")], {
    env: { ...process.env, BUN_INSTALL_CACHE_DIR: cache },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const errors = await new Response(child.stderr).text();
  const [file] = readdirSync(cache);
  if ((await child.exited) !== 0 || file === undefined) {
    throw new Error(`cannot fetch the runtime ${target.bun}: ${errors.trim()}`);
  }
  chmodSync(join(cache, file), 0o755);
  return join(cache, file);
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
