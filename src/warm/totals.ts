import type { WarmListener, WarmUp, WarmUpResult } from "./listener.ts";
import type { Reason } from "./plan.ts";

/** How often warm-ups for one reason ended in one way. */
export interface WarmCount {
  readonly reason: Reason;
  readonly outcome: WarmUpResult["outcome"];
  readonly count: number;
}

/** One warm-up; without an `outcome` it is in progress. */
export interface WarmUpRecord extends WarmUp, Partial<WarmUpResult> {
  /** When it started, ISO 8601 in UTC. */
  readonly time: string;
}

/** The member `warm_ups` of `/cache-proxy/stats.json`. */
export interface WarmUpsView {
  readonly counts: readonly WarmCount[];
  /** Of the warm-ups that reported them. */
  readonly evaluated_tokens: number;
  readonly seconds: number;
  /** The last 20, oldest first. */
  readonly last: readonly WarmUpRecord[];
}

const KEPT = 20;

/** The figures of all warm-ups of this run. They are no requests of the user and are in no other total. */
export class WarmTotals implements WarmListener {
  readonly #counts = new Map<string, WarmCount>();
  #evaluated = 0;
  #ms = 0;
  #last: readonly WarmUpRecord[] = [];

  started(warmUp: WarmUp): void {
    this.#last = [...this.#last, { ...warmUp, time: new Date().toISOString() }].slice(-KEPT);
  }

  ended(warmUp: WarmUp, result: WarmUpResult): void {
    const { reason } = warmUp;
    const { outcome, evaluated_tokens = 0, ms } = result;
    this.#evaluated += evaluated_tokens;
    this.#ms += ms;
    const key = `${reason} ${outcome}`;
    this.#counts.set(key, { reason, outcome, count: (this.#counts.get(key)?.count ?? 0) + 1 });
    // One runs at a time, so the last one is the one that ended.
    this.#last = this.#last.with(-1, { ...this.#last.at(-1)!, ...result });
  }

  view(): WarmUpsView {
    return {
      counts: [...this.#counts.values()],
      evaluated_tokens: this.#evaluated,
      seconds: this.#ms / 1000,
      last: this.#last,
    };
  }
}
