/** A slot of llama-server that is evaluating a prompt. */
export interface PrefillingSlot {
  /** Counts up over the server's tasks: an older request has a smaller one. */
  readonly task: number;
  /** Tokens of the prompt that were in the cache. */
  readonly cached: number;
  /** Tokens evaluated so far. */
  readonly evaluated: number;
}

/**
 * The slots that are evaluating a prompt: busy, without output yet. `undefined` where the answer does not show the figures.
 * llama.cpp, tools/server/server-context.cpp, `server_slot::to_json`; its `n_prompt_tokens` is what the slot holds at the
 * moment, not the length of the prompt, so it is of no use here.
 */
export function readSlots(answer: unknown): PrefillingSlot[] | undefined {
  if (!Array.isArray(answer)) return undefined;
  const busy = (answer as Partial<Slot>[]).filter((slot) => slot?.is_processing === true);
  const prefilling: PrefillingSlot[] = [];
  for (const {
    id_task: task,
    n_prompt_tokens_cache: cached,
    n_prompt_tokens_processed: evaluated,
    next_token,
  } of busy) {
    if (!isCount(task) || !isCount(cached) || !isCount(evaluated)) return undefined;
    if ([next_token].flat()[0]?.n_decoded) continue;
    prefilling.push({ task, cached, evaluated });
  }
  return prefilling;
}

/** The highest task id in any slot, busy or idle; `undefined` where the answer shows none. Task ids start over with the process. */
export function readLastTask(answer: unknown): number | undefined {
  if (!Array.isArray(answer)) return undefined;
  const tasks = (answer as Partial<Slot>[]).map((slot) => slot?.id_task).filter(isCount);
  return tasks.length > 0 ? Math.max(...tasks) : undefined;
}

// --- internal ---

interface Slot {
  readonly is_processing: unknown;
  readonly id_task: unknown;
  readonly n_prompt_tokens_cache: unknown;
  readonly n_prompt_tokens_processed: unknown;
  /** A list in newer builds, an object in older ones. */
  readonly next_token: { readonly n_decoded?: unknown } | readonly { readonly n_decoded?: unknown }[];
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}
