import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { provide, run } from "./cache.ts";
import { llamaModels } from "./llama-cpp.ts";

/** Decides how far back the server can go in its cache: to any token (dense), or only to a checkpoint (hybrid, swa). */
export const MODEL_KINDS = ["dense", "hybrid", "swa"] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

/** The path of a model with random weights; see make_model.py. */
export async function model(kind: ModelKind): Promise<string> {
  const script = join(import.meta.dir, "make_model.py");
  // With the script's hash in the name, a changed script makes new models.
  const hash = Bun.hash(await Bun.file(script).bytes()).toString(36);
  return provide(`models/${kind}-${hash}.gguf`, async (path) => {
    const vocabulary = await llamaModels("ggml-vocab-qwen2.gguf");
    const packages = await provide("python-gguf-0.19.0", installGguf);
    await run(["env", `PYTHONPATH=${packages}`, "python3", script, kind, vocabulary, path]);
  });
}

// --- internal ---

/** Installs into a folder of its own, which leaves the system's Python alone and needs no venv module. */
async function installGguf(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  await run(["python3", "-m", "pip", "install", "--quiet", "--target", path, "gguf==0.19.0"]);
}
