import { type FailureKind, failureOf } from "../format/failure.ts";
import type { Outcome } from "../request/observer.ts";
import { ENOUGH_TOKENS } from "./prefill.ts";
import type { RequestRecord } from "./record.ts";
import { Waste } from "./waste.ts";

/** Upper bounds of the buckets, in seconds: prefills take from a tenth of a second to many minutes. */
const WAIT_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** The proxy's own part is a fraction of a millisecond, but a large body may take longer to arrive. */
const ADDED_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

/** How many requests of an endpoint ended in the same way. */
export interface RequestCount {
  /** `other` for everything but inference, so that no client can invent new ones. */
  readonly endpoint: string;
  readonly outcome: Outcome;
  readonly status: number | undefined;
  readonly count: number;
}

/** Counts durations by upper bound, in seconds. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Cumulative: one per bound, the number of values up to it. */
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  add(milliseconds: number | undefined): void {
    if (milliseconds === undefined) return;
    const seconds = milliseconds / 1000;
    this.count += 1;
    this.sum += seconds;
    for (const [index, bound] of this.bounds.entries()) {
      if (seconds <= bound) this.counts[index]! += 1;
    }
  }
}

/** How many requests failed in the same way. */
export interface FailureCount {
  readonly kind: FailureKind;
  readonly count: number;
  /** The longest time that one of them took. */
  readonly longest_ms: number;
}

/** Sums of the parts of all requests' times. */
export interface PhaseTotals {
  queued_ms: number;
  prefill_ms: number;
  answering_ms: number;
}

/** Everything that is counted over a run. An unknown figure adds nothing. */
export class Totals {
  prompt_tokens = 0;
  cached_tokens = 0;
  evaluated_tokens = 0;
  output_tokens = 0;
  /** The evaluated tokens of the prefills whose time is known, and that time: the speed is their ratio. */
  prefill_tokens = 0;
  prefill_ms = 0;
  /** Evaluated for clients that left before the answer. */
  abandoned_tokens = 0;
  readonly phases: PhaseTotals = { queued_ms: 0, prefill_ms: 0, answering_ms: 0 };
  readonly waste = new Waste();
  readonly addedTime = new Histogram(ADDED_BOUNDS);
  readonly firstByte = new Histogram(WAIT_BOUNDS);
  readonly firstToken = new Histogram(WAIT_BOUNDS);
  readonly duration = new Histogram(WAIT_BOUNDS);
  readonly #requests = new Map<string, RequestCount>();
  readonly #refused = new Map<number, number>();
  readonly #failures = new Map<FailureKind, FailureCount>();

  add(record: RequestRecord): void {
    this.count(record.endpoint, record.outcome, record.status);
    this.prompt_tokens += record.prompt_tokens ?? 0;
    this.cached_tokens += record.cached_tokens ?? 0;
    this.evaluated_tokens += record.evaluated_tokens ?? 0;
    this.output_tokens += record.output_tokens ?? 0;
    this.abandoned_tokens += record.abandoned_tokens ?? 0;
    this.waste.add(record);
    this.#addTimes(record);
    this.#addPhases(record);
    this.#addFailure(record);
  }

  /** Counts a request of which only the end is known. */
  count(endpoint: string, outcome: Outcome, status: number | undefined): void {
    const key = `${endpoint} ${outcome} ${status}`;
    const count = (this.#requests.get(key)?.count ?? 0) + 1;
    this.#requests.set(key, { endpoint, outcome, status, count });
  }

  /** Counts a request that the proxy answered itself, with this status. */
  refuse(status: number): void {
    this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1);
  }

  /** The requests that were not forwarded, by the proxy's status. */
  get refused(): ReadonlyMap<number, number> {
    return this.#refused;
  }

  get requests(): readonly RequestCount[] {
    return [...this.#requests.values()];
  }

  /** The inference requests that were not answered to the end, the most frequent kind first. */
  get failures(): readonly FailureCount[] {
    return [...this.#failures.values()].toSorted((a, b) => b.count - a.count);
  }

  /** The number of inference requests. */
  get inferences(): number {
    return this.duration.count;
  }

  // --- internal ---

  #addFailure(record: RequestRecord): void {
    const kind = failureOf(record);
    if (kind === undefined) return;
    const { count, longest_ms } = this.#failures.get(kind) ?? { count: 0, longest_ms: 0 };
    this.#failures.set(kind, {
      kind,
      count: count + 1,
      longest_ms: Math.max(longest_ms, record.total_ms),
    });
  }

  #addPhases({ total_ms, added_ms = 0, queued_ms = 0, answering_ms = 0 }: RequestRecord): void {
    this.phases.queued_ms += queued_ms;
    this.phases.answering_ms += answering_ms;
    this.phases.prefill_ms += Math.max(0, total_ms - added_ms - queued_ms - answering_ms);
  }

  #addTimes(record: RequestRecord): void {
    const { prefill_ms, evaluated_tokens = 0 } = record;
    if (prefill_ms !== undefined && evaluated_tokens >= ENOUGH_TOKENS) {
      this.prefill_tokens += evaluated_tokens;
      this.prefill_ms += prefill_ms;
    }
    this.addedTime.add(record.added_ms);
    this.firstByte.add(record.first_byte_ms);
    this.firstToken.add(record.first_token_ms);
    this.duration.add(record.total_ms);
  }
}

/** The share of cached tokens among cached and evaluated ones, from 0 to 1; `undefined` while there are none. */
export function cachedShare(totals: Pick<Totals, "cached_tokens" | "evaluated_tokens">): number | undefined {
  const all = totals.cached_tokens + totals.evaluated_tokens;
  return all > 0 ? totals.cached_tokens / all : undefined;
}

/** Evaluated tokens per second over the run; `undefined` before the first measured prefill. */
export function prefillSpeed(totals: Pick<Totals, "prefill_tokens" | "prefill_ms">): number | undefined {
  return totals.prefill_ms > 0 ? (totals.prefill_tokens / totals.prefill_ms) * 1000 : undefined;
}

/** An estimate: how long the cached tokens would have taken at this run's prefill speed. */
export function secondsSaved(totals: Totals): number | undefined {
  const speed = prefillSpeed(totals);
  return speed ? totals.cached_tokens / speed : undefined;
}
