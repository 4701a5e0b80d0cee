import { run } from "./cache.ts";
import { type Build, llamaCpp, SERVE } from "./llama-cpp.ts";
import { model } from "./models.ts";

/**
 * The folder of a build that has evaluated a token on this machine. A build for another processor loads models and answers
 * `/health`, and only dies of an illegal instruction at its first prompt: tests would see a connection that breaks.
 */
export function workingServer(build: Build): Promise<string> {
  const working = checked.get(build) ?? check(build);
  checked.set(build, working);
  return working;
}

// --- internal ---

/** Once per process and never stored: the cache may have come from a machine with another processor. */
const checked = new Map<Build, Promise<string>>();

async function check(build: Build): Promise<string> {
  const [folder, weights] = await Promise.all([llamaCpp(build), model("dense")]);
  const settings = JSON.stringify({ "model.path": weights, n_ctx: 4096 });
  try {
    await run(["python3", SERVE, folder, settings, "check"]);
  } catch (cause) {
    const problem = `llama.cpp ${build} cannot evaluate a token on this machine`;
    throw new Error(`${problem}; the prebuilt code may be for another processor (${folder})`, { cause });
  }
  return folder;
}
