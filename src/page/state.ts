import type { LiveEvents } from "../report/live-events.ts";
import type { RequestRecord } from "../report/record.ts";
import type { Running } from "../report/running.ts";
import type { Stats, TotalsView } from "../report/stats.ts";

/** All that the page shows; a new value for every change. */
export interface PageState {
  readonly version?: string;
  /** Tells one run of the proxy from the next. */
  readonly startedAt?: string;
  readonly totals?: TotalsView;
  /** In the order of arrival. */
  readonly records: readonly RequestRecord[];
  readonly running: readonly Running[];
}

/** More than the proxy keeps: a page that stays open has a longer memory. */
const LIMIT = 1000;

export const EMPTY: PageState = { records: [], running: [] };

/** What is known after connecting; records of the same run that the proxy no longer has stay. */
export function withSnapshot(
  state: PageState,
  { version, started_at, totals, running, requests }: Stats,
): PageState {
  const older = state.startedAt === started_at ? state.records : [];
  return { version, startedAt: started_at, totals, running, records: merged(older, requests) };
}

export function withRequest(state: PageState, { record, totals }: LiveEvents["request"]): PageState {
  return { ...state, totals, records: merged(state.records, [record]) };
}

export function withRunning(state: PageState, running: readonly Running[]): PageState {
  return { ...state, running };
}

// --- internal ---

/** Requests end in another order than they arrive. */
function merged(older: readonly RequestRecord[], newer: readonly RequestRecord[]): readonly RequestRecord[] {
  const all = new Map([...older, ...newer].map((record) => [record.id, record]));
  return [...all.values()].toSorted((a, b) => a.id - b.id).slice(-LIMIT);
}
