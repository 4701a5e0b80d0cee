import { type Cause, type CauseId, isColdStart } from "./cause.ts";
import type { RequestRecord } from "./record.ts";

/** What one cause has cost in this run. */
export interface CauseCost {
  readonly id: CauseId;
  readonly requests: number;
  readonly tokens: number;
}

/** What was evaluated although it was known, by cause. Cold starts are counted apart: they cost as much, but nothing was lost. */
export class Waste {
  /** Requests that begin a conversation. */
  coldStarts = 0;
  /** Cached tokens of all other requests. */
  warmCached = 0;
  /** Tokens that these evaluated again. */
  warmWasted = 0;
  readonly #costs = new Map<CauseId, CauseCost>();

  add({ cause, cached_tokens = 0 }: RequestRecord): void {
    if (cause) this.#count(cause);
    if (cause && isColdStart(cause)) this.coldStarts += 1;
    else {
      this.warmCached += cached_tokens;
      this.warmWasted += cause?.tokens ?? 0;
    }
  }

  /** The causes, most costly first. */
  list(): readonly CauseCost[] {
    return [...this.#costs.values()].toSorted((a, b) => b.tokens - a.tokens);
  }

  /** Of the tokens that warm requests could have had from the cache, the share that they had, from 0 to 1; `undefined` if there were none. */
  get warmShare(): number | undefined {
    const all = this.warmCached + this.warmWasted;
    return all > 0 ? this.warmCached / all : undefined;
  }

  // --- internal ---

  #count({ id, tokens }: Cause): void {
    const before = this.#costs.get(id);
    this.#costs.set(id, {
      id,
      requests: (before?.requests ?? 0) + 1,
      tokens: (before?.tokens ?? 0) + tokens,
    });
  }
}
