import { expect, test } from "bun:test";
import type { Snapshot } from "../../src/page/events.ts";
import {
  EMPTY,
  withRequest,
  withRunning,
  withServer,
  withSnapshot,
  withWarmUps,
} from "../../src/page/state.ts";
import { stats, totalsView } from "../../src/report/stats.ts";
import { Totals } from "../../src/report/totals.ts";
import { WarmTotals } from "../../src/warm/totals.ts";
import { FULL } from "../report/records.ts";

const SERVER = { state: "ready", since: FULL.time } as const;
const totals = new Totals();

function snapshot(startedAt: number, ids: readonly number[]): Snapshot {
  const records = ids.map((id) => ({ ...FULL, id }));
  const made = stats({
    startedAt: new Date(startedAt),
    server: SERVER,
    totals,
    failures: { count: 0 },
    running: [],
    records,
  });
  return { ...made, warm_ups: new WarmTotals().view() };
}

test("after a reconnection older records of the same run stay, in order and once each", () => {
  const before = withSnapshot(EMPTY, snapshot(1, [1, 2, 3]));
  const after = withSnapshot(before, snapshot(1, [3, 4]));
  expect(after.records.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
});

test("after a restart of the proxy the records of earlier runs stay, before the new ones and marked", () => {
  const before = withSnapshot(EMPTY, snapshot(1, [1, 2, 3]));
  const after = withSnapshot(before, snapshot(2, [1]));
  expect(after.records.map(({ id, earlier = false }) => [id, earlier])).toEqual([
    [-2, true],
    [-1, true],
    [0, true],
    [1, false],
  ]);
  const third = withSnapshot(after, snapshot(3, [1, 2]));
  expect(third.records.map(({ id }) => id)).toEqual([-3, -2, -1, 0, 1, 2]);
});

test("the server is that of the last event", () => {
  const lost = { state: "lost", since: FULL.time, cause: "connection refused" } as const;
  expect(withServer(withSnapshot(EMPTY, snapshot(1, [])), lost).server).toEqual(lost);
});

test("requests are in order of arrival, although they end in a different order", () => {
  const view = totalsView(totals);
  const first = withRequest(EMPTY, { record: { ...FULL, id: 2 }, totals: view });
  const second = withRequest(first, { record: { ...FULL, id: 1 }, totals: view });
  expect(second.records.map(({ id }) => id)).toEqual([1, 2]);
});

test("the newest thousand records are kept", () => {
  const ids = Array.from({ length: 1200 }, (_, index) => index + 1);
  const { records } = withSnapshot(EMPTY, snapshot(1, ids));
  expect([records.length, records[0]!.id]).toEqual([1000, 201]);
});

test("the running requests are those of the last event", () => {
  const running = [{ id: 5, time: FULL.time, endpoint: "/v1/messages", state: "waiting" as const }];
  expect(withRunning(withRunning(EMPTY, running), []).running).toEqual([]);
});

test("warm-ups are the last ones, the one in progress without an outcome", () => {
  const warmUps = new WarmTotals();
  for (let index = 0; index < 30; index++) {
    warmUps.started({ reason: "turn", session: `s${index}` });
    if (index < 29)
      warmUps.ended({ reason: "turn" }, { outcome: "complete", pieces: 1, evaluated_tokens: 9, ms: 5 });
  }
  const shown = withWarmUps(EMPTY, warmUps.view()).warmUps;
  expect(shown.map(({ session }) => session)).toEqual(Array.from({ length: 20 }, (_, at) => `s${at + 10}`));
  expect(shown.at(-1)!.outcome).toBeUndefined();
  expect(shown.at(-2)).toMatchObject({ outcome: "complete", evaluated_tokens: 9 });
});
