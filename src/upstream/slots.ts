/** A slot of llama-server that is evaluating a prompt. */
export interface PrefillingSlot {
  /** Counts up over the server's tasks: an older request has a smaller one. */
  readonly task: number;
  /** Tokens of the prompt that were in the cache. */
  readonly cached: number;
  /** Tokens evaluated so far. */
  readonly evaluated: number;
}

/** A slot of llama-server, and what it keeps of the last prompt in it. */
export interface HeldSlot {
  readonly isBusy: boolean;
  /** Tokens of the last prompt and of its answer that are in the slot's KV cache; 0 if the slot was never used. */
  readonly tokens: number;
}

/** What each slot holds. `undefined` where the answer does not show it. */
export function readHeldSlots(answer: unknown): HeldSlot[] | undefined {
  if (!Array.isArray(answer) || answer.length === 0) return undefined;
  const held: HeldSlot[] = [];
  for (const slot of answer as (Partial<Slot> | null)[]) {
    if (typeof slot?.is_processing !== "boolean") return undefined;
    // A slot has no figures before its first prompt. Builds that never show figures have a task in each slot.
    const isUnknown = slot.n_prompt_tokens === undefined && isCount(slot.id_task);
    if (isUnknown) return undefined;
    held.push({
      isBusy: slot.is_processing,
      tokens: isCount(slot.n_prompt_tokens) ? slot.n_prompt_tokens : 0,
    });
  }
  return held;
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
  readonly n_prompt_tokens: unknown;
  readonly n_prompt_tokens_cache: unknown;
  readonly n_prompt_tokens_processed: unknown;
  /** A list in newer builds, an object in older ones. */
  readonly next_token: { readonly n_decoded?: unknown } | readonly { readonly n_decoded?: unknown }[];
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}
