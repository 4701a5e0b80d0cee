import type { RequestRecord } from "../report/record.ts";

/** A point of a chart; `x` is the request's position in order of arrival, from 0 to 1. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Trend {
  /** One for each request whose value is known. */
  readonly points: readonly Point[];
  /** The same, smoothed. */
  readonly line: readonly Point[];
}

/** The number of requests to smooth over: enough to hide side requests, few enough to show a lost cache. */
const WINDOW = 12;

/** The cached share of each request, from 0 to 1; the line is the share of the last requests together, weighted by tokens. */
export function shareTrend(records: readonly RequestRecord[]): Trend {
  const told = indexed(records).filter(
    ({ record }) => record.prompt_tokens && record.cached_tokens !== undefined,
  );
  return {
    points: told.map(({ x, record }) => ({ x, y: record.cached_tokens! / record.prompt_tokens! })),
    line: told.map(({ x }, index) => ({ x, y: weightedShare(lastOf(told, index)) })),
  };
}

// --- internal ---

interface Indexed {
  readonly x: number;
  readonly record: RequestRecord;
}

function indexed(records: readonly RequestRecord[]): readonly Indexed[] {
  const last = Math.max(1, records.length - 1);
  return records.map((record, index) => ({ x: index / last, record }));
}

function lastOf<Value>(values: readonly Value[], index: number): readonly Value[] {
  return values.slice(Math.max(0, index + 1 - WINDOW), index + 1);
}

function weightedShare(window: readonly Indexed[]): number {
  const cached = window.reduce((sum, { record }) => sum + record.cached_tokens!, 0);
  return cached / window.reduce((sum, { record }) => sum + record.prompt_tokens!, 0);
}
