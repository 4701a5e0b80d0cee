import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { provide, run } from "./cache.ts";
import { llamaModels } from "./llama-cpp.ts";

/** What decides how far back the server can go in its cache: to any token, or only to a checkpoint. */
export type ModelKind = "dense" | "hybrid";

/** The path of a model of random weights; see make_model.py. */
export async function model(kind: ModelKind): Promise<string> {
  const script = join(import.meta.dir, "make_model.py");
  // The name carries the script's hash: a changed script makes new models.
  const hash = Bun.hash(await Bun.file(script).bytes()).toString(36);
  return provide(`models/${kind}-${hash}.gguf`, async (path) => {
    const vocabulary = await llamaModels("ggml-vocab-qwen2.gguf");
    const packages = await provide("python-gguf-0.19.0", installGguf);
    await run(["env", `PYTHONPATH=${packages}`, "python3", script, kind, vocabulary, path]);
  });
}

// --- internal ---

/** Into a folder of its own: nothing of the system's Python is touched, and no venv module is needed. */
async function installGguf(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  await run(["python3", "-m", "pip", "install", "--quiet", "--target", path, "gguf==0.19.0"]);
}
