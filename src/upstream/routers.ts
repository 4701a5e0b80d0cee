import type { Asked } from "./ask.ts";
import { isRouter } from "./props.ts";

/** The answer of one model's server to `/props`, found through whatever is in front of the models. */
export interface ModelProps {
  readonly asked: Asked;
  /** Whether there are several models, each with a server of its own. */
  readonly hasModels: boolean;
}

/**
 * Asks for the `/props` of a model, without making a router load it. `first` is the answer to `/props` itself, and remains the answer if
 * there is no router, no model is given, or llama-swap does not run it now.
 *
 * - llama-server in router mode takes the model as a parameter (llama.cpp tools/server/README.md).
 * - llama-swap has no `/props`, but a list of the models that run, and each server's own paths below `/upstream/NAME` (its README).
 */
export async function askModelProps(
  first: Asked,
  model: string | undefined,
  ask: (path: string) => Promise<Asked>,
): Promise<ModelProps> {
  const path = await pathOfProps(first, model, ask);
  if (path === undefined) return { asked: first, hasModels: false };
  return { asked: path === "" ? first : await ask(path), hasModels: true };
}

// --- internal ---

/** "" if `first` is the answer, `undefined` without a router. */
async function pathOfProps(
  first: Asked,
  model: string | undefined,
  ask: (path: string) => Promise<Asked>,
): Promise<string | undefined> {
  const name = encodeURIComponent(model ?? "");
  if (isRouter(first.json)) return model === undefined ? "" : `/props?model=${name}&autoload=false`;
  const running = first.status === 404 ? runningIn((await ask("/running")).json) : undefined;
  if (!running) return undefined;
  return model !== undefined && running.includes(model) ? `/upstream/${name}/props` : "";
}

/** `undefined` if the answer is not that of llama-swap. */
function runningIn(answer: unknown): string[] | undefined {
  const running = (answer as { readonly running?: unknown } | undefined)?.running;
  if (!Array.isArray(running)) return undefined;
  return (running as ({ model?: unknown; state?: unknown } | null)[])
    .filter((one) => one?.state === "ready")
    .map((one) => String(one?.model));
}
