import { describe, expect, test } from "bun:test";
import {
  barAt,
  type Item,
  type Layout,
  layOut as layOutAll,
  neighbour,
  partsOf,
} from "../../src/page/layout.ts";
import { BARE, FULL } from "../report/records.ts";

const START = Date.parse("2026-11-23T09:00:00Z");

/** A request of session `session` that arrived `minutes` after the start. */
function item(id: number, session: string | undefined, minutes = id / 10): Item {
  const time = new Date(START + minutes * 60_000).toISOString();
  const { session: _, ...rest } = FULL;
  return { ...rest, id, time, ...(session && { session }) };
}

function layOut(items: readonly Item[], width: number, limit = 8): Layout {
  return layOutAll(items, width, limit);
}

const RUNNING = {
  id: 9,
  time: new Date(START + 54_000).toISOString(),
  endpoint: "/v1/messages",
  session: "a",
  state: "waiting" as const,
};

test("each session has a lane, the newest on top", () => {
  const { lanes, bars } = layOut([item(1, "a"), item(2, "b"), item(3, "a"), item(4, undefined)], 800);
  expect(lanes.map(({ session, requests }) => [session, requests])).toEqual([
    ["", 1],
    ["b", 1],
    ["a", 2],
  ]);
  expect(bars.map(({ lane }) => lane)).toEqual([2, 1, 2, 0]);
});

test("bars are in order of arrival and never overlap", () => {
  const items = Array.from({ length: 200 }, (_, id) => item(id, `s${id % 7}`));
  const { bars, step } = layOut(items, 800);
  for (const [index, { x }] of bars.entries()) expect(x).toBeGreaterThanOrEqual(index * step);
});

test("few bars are wide, many are as narrow as can be pointed at, and more make the picture wider", () => {
  expect(layOut([item(1, "a")], 800)).toMatchObject({ step: 18, width: 800 });
  const many = Array.from({ length: 1000 }, (_, id) => item(id, "a"));
  expect(layOut(many, 800)).toMatchObject({ step: 4, width: 4000 });
});

test("an idle time is a gap", () => {
  const { bars, gaps, step } = layOut([item(1, "a", 0), item(2, "a", 1), item(3, "a", 60)], 800);
  expect(bars[1]!.x - bars[0]!.x).toBe(step);
  expect(bars[2]!.x - bars[1]!.x).toBeGreaterThan(step);
  expect(gaps.length).toBe(1);
  expect(gaps[0]).toBeWithin(bars[1]!.x, bars[2]!.x);
});

test("times do not overlap", () => {
  const { ticks } = layOut(
    Array.from({ length: 300 }, (_, id) => item(id, "a")),
    800,
  );
  expect(ticks.length).toBeGreaterThan(5);
  for (const [index, { x }] of ticks.entries())
    if (index > 0) expect(x - ticks[index - 1]!.x).toBeGreaterThanOrEqual(76);
});

test("only the sessions that were used last are shown", () => {
  const items = [..."abcdefghij"].map((session, id) => item(id, session));
  const again = [...items, item(10, "a")];
  const { lanes, older, bars } = layOut(again, 800, 3);
  expect(lanes.map(({ session }) => session)).toEqual(["j", "i", "a"]);
  expect(older).toBe(7);
  expect(bars.map((bar) => bar.item.id)).toEqual([0, 8, 9, 10]);
  expect(layOut(again, 800, 99).older).toBe(0);
});

test("each lane has its own scale", () => {
  const small = { ...item(1, "a"), prompt_tokens: 10, cached_tokens: 5, evaluated_tokens: 5 };
  expect(layOut([small, item(2, "b")], 800).lanes.map(({ most }) => most)).toEqual([18_432, 10]);
});

test("a restart of the proxy is a gap of its own", () => {
  const before = { ...item(-1, "a", 0), earlier: true as const };
  const { gaps, restarts, bars } = layOut([before, item(1, "a", 1)], 800);
  expect(gaps).toEqual([]);
  expect(restarts[0]).toBeWithin(bars[0]!.x, bars[1]!.x);
});

test("a bar is found from where the pointer is", () => {
  const layout = layOut([item(1, "a"), item(2, "b"), item(3, "a")], 800);
  const at = (lane: number, x: number): number | undefined => barAt(layout, lane, x, 6)?.item.id;
  expect([at(1, 3), at(1, 22), at(0, 22), at(0, 47), at(1, 50)]).toEqual([1, 1, 2, undefined, 3]);
});

test("without requests the picture is empty", () => {
  expect(layOut([], 800)).toEqual({
    lanes: [],
    bars: [],
    ticks: [],
    gaps: [],
    restarts: [],
    older: 0,
    width: 800,
    step: 18,
  });
});

describe("the parts of a bar", () => {
  const cases: { name: string; item: Item; want: [kind: string, tokens: number][] }[] = [
    {
      name: "cached and evaluated tokens",
      item: FULL,
      want: [
        ["cached", 18_100],
        ["evaluated", 332],
      ],
    },
    {
      name: "nothing cached",
      item: { ...FULL, cached_tokens: 0, evaluated_tokens: 9 },
      want: [["evaluated", 9]],
    },
    { name: "no figures", item: BARE, want: [] },
    { name: "cached tokens not reported", item: { ...BARE, prompt_tokens: 50 }, want: [["unknown", 50]] },
    {
      name: "a client that left",
      item: { ...BARE, outcome: "client_gone", abandoned_tokens: 70 },
      want: [["left", 70]],
    },
    { name: "waiting, nothing known", item: RUNNING, want: [] },
    {
      name: "prefilling, with an end in sight",
      item: { ...RUNNING, progress: { done_tokens: 120, cached_tokens: 100, total_tokens_estimate: 200 } },
      want: [
        ["cached", 100],
        ["evaluated", 20],
        ["ahead", 80],
      ],
    },
    {
      name: "prefilling, without",
      item: { ...RUNNING, progress: { done_tokens: 120, cached_tokens: 100 } },
      want: [
        ["cached", 100],
        ["evaluated", 20],
      ],
    },
  ];
  for (const { name, item, want } of cases) {
    test(name, () => expect(partsOf(item).map(({ kind, tokens }) => [kind, tokens])).toEqual(want as never));
  }
});

describe("the arrow keys move", () => {
  const layout = layOut([item(1, "a"), item(2, "b"), item(3, "a"), item(4, "b"), item(5, "a")], 800);
  const cases: [from: number, key: Parameters<typeof neighbour>[2], to: number | undefined][] = [
    [3, "left", 1],
    [3, "right", 5],
    [5, "right", undefined],
    [1, "up", 2],
    [4, "down", 3],
    [2, "up", undefined],
    [99, "left", 5],
  ];
  test.each(cases)("from %p %s to %p", (from, key, to) =>
    expect(neighbour(layout, from, key)?.item.id).toBe(to as number),
  );
});
