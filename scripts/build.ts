import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readRuntime } from "./release/runtime.ts";
import { seal } from "./release/seal.ts";
import { readEntitlements, signAdHoc } from "./release/sign.ts";
import { BUN_VERSION, binaryName, hostTarget, type Target } from "./release/targets.ts";

const ROOT = resolve(import.meta.dir, "..");

/**
 * Compiles the program in `root` for a target and puts the binary at `outfile`, whole or not at all. The same sources
 * give the same bytes in any folder and on any machine.
 */
export async function build(target: Target, outfile: string, root = ROOT): Promise<void> {
  if (Bun.version !== BUN_VERSION) {
    throw new Error(`built with Bun ${BUN_VERSION} only, this is ${Bun.version}: npx -y bun@${BUN_VERSION}`);
  }
  mkdirSync(dirname(outfile), { recursive: true });
  // Beside the outfile, so that the rename is atomic and a running binary of the same name is no hindrance.
  const folder = mkdtempSync(`${resolve(outfile)}-`);
  try {
    const runtime = await readRuntime(target);
    const entitlements = target.os === "macos" ? readEntitlements(runtime) : undefined;
    const binary = join(folder, binaryName(target));
    seal(runtime);
    await compile(target, join(root, "src/main.ts"), runtime, binary);
    if (entitlements) await rewrite(binary, (bytes) => signAdHoc(bytes, "cache-proxy", entitlements));
    chmodSync(binary, 0o755);
    renameSync(binary, outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// --- internal ---

async function compile(target: Target, entry: string, runtime: Uint8Array, outfile: string): Promise<void> {
  const executablePath = `${outfile}.runtime`;
  await Bun.write(executablePath, runtime);
  chmodSync(executablePath, 0o755);
  await Bun.build({
    entrypoints: [entry],
    minify: true,
    // Halves the time from start to the first answer, at 2 MB; made for one processor it serves the others too.
    bytecode: true,
    format: "esm",
    // A source map would put this machine's paths into the binary.
    sourcemap: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    compile: {
      target: target.bun,
      executablePath,
      outfile,
      // The folder it is started in is the user's project: nothing there is meant for the proxy.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
}

async function rewrite(path: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  await Bun.write(path, change(await Bun.file(path).bytes()));
}

if (import.meta.main) {
  const target = hostTarget();
  const outfile = join(ROOT, "dist", binaryName(target));
  await build(target, outfile);
  console.log(outfile);
}
