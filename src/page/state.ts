import type { RequestRecord } from "../report/record.ts";
import type { Running } from "../report/running.ts";
import type { TotalsView } from "../report/stats.ts";
import type { ServerView } from "../upstream/watch.ts";
import type { WarmUpRecord, WarmUpsView } from "../warm/totals.ts";
import type { PageEvents, Snapshot } from "./events.ts";

/** A finished request; `earlier` marks one of a run of the proxy before this one. */
export interface Finished extends RequestRecord {
  readonly earlier?: true;
}

/** Everything that the page shows; every change makes a new value. */
export interface PageState {
  readonly version?: string;
  /** Identifies the run of the proxy. */
  readonly startedAt?: string;
  readonly server?: ServerView;
  readonly totals?: TotalsView;
  /** In order of arrival, those of earlier runs first. */
  readonly records: readonly Finished[];
  readonly running: readonly Running[];
  /** The last ones, oldest first. */
  readonly warmUps: readonly WarmUpRecord[];
}

/** More than the proxy keeps: an open page remembers more. */
const LIMIT = 1000;

export const EMPTY: PageState = { records: [], running: [], warmUps: [] };

/** The state after connecting. Keeps records of the same run that the proxy has dropped, and those of earlier runs. */
export function withSnapshot(
  state: PageState,
  { version, started_at, server, totals, running, requests, warm_ups }: Snapshot,
): PageState {
  const older = state.startedAt === started_at ? state.records : asEarlier(state.records);
  const records = merged(older, requests);
  return { version, startedAt: started_at, server, totals, running, records, warmUps: warm_ups.last };
}

export function withRequest(state: PageState, { record, totals }: PageEvents["request"]): PageState {
  return { ...state, totals, records: merged(state.records, [record]) };
}

export function withRunning(state: PageState, running: readonly Running[]): PageState {
  return { ...state, running };
}

export function withWarmUps(state: PageState, { last }: WarmUpsView): PageState {
  return { ...state, warmUps: last };
}

export function withServer(state: PageState, server: ServerView): PageState {
  return { ...state, server };
}

// --- internal ---

/** Each run counts its requests from 1, so those of earlier runs get ids below. */
function asEarlier(records: readonly Finished[]): readonly Finished[] {
  const last = records.at(-1)?.id ?? 0;
  return records.map((record) => ({ ...record, id: record.id - last, earlier: true }));
}

/** Each request once, in order of arrival: requests end in a different order. */
function merged(older: readonly Finished[], newer: readonly Finished[]): readonly Finished[] {
  const all = new Map([...older, ...newer].map((record) => [record.id, record]));
  return [...all.values()].toSorted((a, b) => a.id - b.id).slice(-LIMIT);
}
