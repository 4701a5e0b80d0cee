import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { provide, run } from "./cache.ts";
import { llamaModels } from "./llama-cpp.ts";

/** Decides how far back the server can go in its cache: to any token (dense), or only to a checkpoint (hybrid, swa). */
export const MODEL_KINDS = ["dense", "hybrid", "swa"] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

/** The path of a model with random weights; see make_model.py. */
export function model(kind: ModelKind): Promise<string> {
  return made("make_model.py", kind, async () => [kind, await llamaModels("ggml-vocab-qwen2.gguf")]);
}

/** The path of what makes any of these models see images (`--mmproj`); see make_eye.py. */
export function eye(): Promise<string> {
  return made("make_eye.py", "eye", async () => []);
}

// --- internal ---

/** With the script's hash in its name, so that a changed script makes new models. */
async function made(file: string, name: string, args: () => Promise<string[]>): Promise<string> {
  const script = join(import.meta.dir, file);
  const hash = Bun.hash(await Bun.file(script).bytes()).toString(36);
  return provide(`models/${name}-${hash}.gguf`, async (path) => {
    const packages = await provide("python-gguf-0.19.0", installGguf);
    await run(["env", `PYTHONPATH=${packages}`, "python3", script, ...(await args()), path]);
  });
}

/** Installs into a folder of its own, which leaves the system's Python alone and needs no venv module. */
async function installGguf(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  await run(["python3", "-m", "pip", "install", "--quiet", "--target", path, "gguf==0.19.0"]);
}
