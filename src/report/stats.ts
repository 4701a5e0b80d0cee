import pkg from "../../package.json" with { type: "json" };
import type { ServerView } from "../upstream/watch.ts";
import type { FailuresView } from "./failures.ts";
import type { RequestRecord } from "./record.ts";
import type { Running } from "./running.ts";
import {
  cachedShare,
  type FailureCount,
  type Histogram,
  prefillSpeed,
  type RequestCount,
  secondsSaved,
  type Totals,
} from "./totals.ts";
import type { CauseCost } from "./waste.ts";

/** The answer of `/cache-proxy/stats.json` and the first event of the page. Names and units are stable. */
export interface Stats {
  readonly version: string;
  /** Start of this run, ISO 8601 in UTC. */
  readonly started_at: string;
  /** The server that requests go to. */
  readonly server: ServerView;
  readonly totals: TotalsView;
  readonly times: Readonly<Record<TimeName, HistogramView>>;
  /** Errors inside cache-proxy; no client sees them. */
  readonly failures: FailuresView;
  /** The inference requests that the upstream has not answered yet, oldest first. */
  readonly running: readonly Running[];
  /** The last 500 inference requests, oldest first. */
  readonly requests: readonly RequestRecord[];
}

/** Sums over the whole run; unknown figures are left out. */
export interface TotalsView {
  /** Inference requests. */
  readonly requests: number;
  /** All requests by endpoint (`other` for everything but inference), outcome and status. */
  readonly requests_by_end: readonly RequestCount[];
  /** Inference requests that were not answered to the end, the most frequent kind first. */
  readonly failures: readonly FailureCount[];
  /** Where the time of all inference requests went, seconds; a wait for a slot that the server does not show counts as prefill. */
  readonly queued_seconds: number;
  readonly prefill_seconds: number;
  readonly answering_seconds: number;
  /** Evaluated for clients that left before the answer, as far as `/slots` showed it. */
  readonly abandoned_tokens: number;
  /** Requests that the proxy answered itself and did not forward, by its status. */
  readonly refused_by_status: Readonly<Record<string, number>>;
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly evaluated_tokens: number;
  readonly output_tokens: number;
  /** `cached_tokens` over the sum of `cached_tokens` and `evaluated_tokens`, from 0 to 1. */
  readonly cached_share?: number;
  readonly evaluated_tokens_per_second?: number;
  /** Seconds of prefill: `cached_tokens` over `evaluated_tokens_per_second`. */
  readonly saved_seconds_estimate?: number;
  /** Requests that began a conversation and had to evaluate its prompt. */
  readonly cold_starts: number;
  /** Of the tokens that all other requests could have had from the cache, the share that they had, from 0 to 1. */
  readonly warm_share?: number;
  /** What was evaluated although it was known, by cause, most costly first; cold starts included. */
  readonly waste: readonly CauseCost[];
}

type TimeName =
  | "added_seconds"
  | "time_to_first_byte_seconds"
  | "time_to_first_token_seconds"
  | "request_duration_seconds";

export interface HistogramView {
  readonly count: number;
  readonly sum: number;
  /** Cumulative: the number of values up to the bound, in seconds. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

export interface StatsSource {
  readonly startedAt: Date;
  readonly server: ServerView;
  readonly totals: Totals;
  readonly failures: FailuresView;
  readonly running: readonly Running[];
  readonly records: readonly RequestRecord[];
}

/** The figures of the run as one JSON value, with the requests they come from. */
export function stats({ startedAt, server, totals, failures, running, records }: StatsSource): Stats {
  return {
    version: pkg.version,
    started_at: startedAt.toISOString(),
    server,
    totals: totalsView(totals),
    times: {
      added_seconds: histogramView(totals.addedTime),
      time_to_first_byte_seconds: histogramView(totals.firstByte),
      time_to_first_token_seconds: histogramView(totals.firstToken),
      request_duration_seconds: histogramView(totals.duration),
    },
    failures,
    running,
    requests: records,
  };
}

export function totalsView(totals: Totals): TotalsView {
  const [share, speed, saved] = [cachedShare(totals), prefillSpeed(totals), secondsSaved(totals)];
  return {
    requests: totals.inferences,
    requests_by_end: totals.requests,
    failures: totals.failures,
    queued_seconds: totals.phases.queued_ms / 1000,
    prefill_seconds: totals.phases.prefill_ms / 1000,
    answering_seconds: totals.phases.answering_ms / 1000,
    abandoned_tokens: totals.abandoned_tokens,
    refused_by_status: Object.fromEntries(totals.refused),
    prompt_tokens: totals.prompt_tokens,
    cached_tokens: totals.cached_tokens,
    evaluated_tokens: totals.evaluated_tokens,
    output_tokens: totals.output_tokens,
    ...(share !== undefined && { cached_share: share }),
    ...(speed !== undefined && { evaluated_tokens_per_second: speed }),
    ...(saved !== undefined && { saved_seconds_estimate: saved }),
    cold_starts: totals.waste.coldStarts,
    ...(totals.waste.warmShare !== undefined && { warm_share: totals.waste.warmShare }),
    waste: totals.waste.list(),
  };
}

// --- internal ---

function histogramView({ bounds, counts, count, sum }: Histogram): HistogramView {
  return { count, sum, buckets: bounds.map((le, index) => ({ le, count: counts[index]! })) };
}
