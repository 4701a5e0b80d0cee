import type { Listener } from "./listener.ts";
import type { RequestRecord } from "./record.ts";

const KEPT = 5;

/** The requests of the run with the most evaluated tokens, costliest first. */
export class CostliestRequests implements Listener {
  #records: RequestRecord[] = [];

  ended(record: RequestRecord): void {
    const { evaluated_tokens, abandoned_tokens, first_token_ms } = record;
    if (evaluated_tokens === undefined && abandoned_tokens === undefined && first_token_ms === undefined)
      return;
    this.#records = [...this.#records, record].toSorted((a, b) => cost(b) - cost(a)).slice(0, KEPT);
  }

  list(): readonly RequestRecord[] {
    return this.#records;
  }
}

// --- internal ---

/** By the wait for the first token where the server does not report evaluated tokens. */
function cost({ evaluated_tokens, abandoned_tokens, first_token_ms }: RequestRecord): number {
  return (evaluated_tokens ?? abandoned_tokens ?? 0) * 1e9 + (first_token_ms ?? 0);
}
