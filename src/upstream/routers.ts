import type { Asked } from "./ask.ts";
import { isRouter } from "./props.ts";

/** The server of one model, as found through whatever is in front of the models. */
export interface ModelServer {
  /** Whether there are several models, each with a server of its own. */
  readonly hasModels: boolean;
  /** Where to ask the model's own server for what it answers on `path`; left out if that server is not known, or does not run now. */
  readonly at?: (path: string) => string;
}

/**
 * Finds the server of a model, without making a router load it. `props` is the answer to `/props` itself. To be done right before each
 * question: a router may replace one model by another at any time.
 *
 * - llama-server in router mode takes the model as a parameter (llama.cpp tools/server/README.md).
 * - llama-swap has no `/props`, but a list of the models that run, and each server's own paths below `/upstream/NAME` (its README).
 */
export async function findModel(
  props: Asked,
  model: string | undefined,
  ask: (path: string) => Promise<Asked>,
): Promise<ModelServer> {
  const name = encodeURIComponent(model ?? "");
  if (isRouter(props.json))
    return {
      hasModels: true,
      ...(model !== undefined && { at: (path: string) => `${path}?model=${name}&autoload=false` }),
    };
  const running = props.status === 404 ? runningIn((await ask("/running")).json) : undefined;
  if (!running) return { hasModels: false };
  const isRunning = model !== undefined && running.includes(model);
  return { hasModels: true, ...(isRunning && { at: (path: string) => `/upstream/${name}${path}` }) };
}

// --- internal ---

/** `undefined` if the answer is not that of llama-swap. */
function runningIn(answer: unknown): string[] | undefined {
  const running = (answer as { readonly running?: unknown } | undefined)?.running;
  if (!Array.isArray(running)) return undefined;
  return (running as ({ model?: unknown; state?: unknown } | null)[])
    .filter((one) => one?.state === "ready")
    .map((one) => String(one?.model));
}
