import { describe, expect, test } from "bun:test";
import { duration, grouped } from "../../src/format/numbers.ts";
import {
  ending,
  factsOf,
  isFailed,
  milliseconds,
  phasesOf,
  sentence,
  tickTexts,
} from "../../src/page/words.ts";
import { BARE, FULL } from "../report/records.ts";

test("everything that is known about a request, and nothing else", () => {
  expect(Object.fromEntries(factsOf(FULL))).toEqual({
    prompt: "18 432",
    cached: "18 100 (98.1 %)",
    evaluated: "332",
    output: "212",
    "first token": "412 ms",
    "evaluated/s": "830",
    total: "3.2 s",
    "added by proxy": "0.2 ms",
    model: "claude-sonnet-4-5",
    status: "200",
  });
  expect(Object.fromEntries(factsOf(BARE))).toEqual({ total: "2.0 ms", status: "unreachable" });
});

test("a cause with its price, and in two words where the request ended", () => {
  const text = "tools +1: WebFetch; ENABLE_TOOL_SEARCH=false sends all tools up front";
  const cause = {
    id: "tools_added",
    certain: false,
    tokens: 2_040,
    estimate: true,
    seconds: 2,
    text,
  } as const;
  expect(Object.fromEntries(factsOf({ ...FULL, cause }))).toMatchObject({
    status: "tools added",
    cause: `likely: ${text} (about ${grouped(2_040)} tokens, ${duration(2)})`,
  });
});

test("a request in one sentence", () => {
  expect(sentence(FULL)).toMatch(
    /^\d\d:\d\d:\d\d main, session a1b2c3d4, prompt 18 432, cached 18 100 \(98\.1 %\), /,
  );
});

describe("ends", () => {
  const cases: { name: string; record: typeof FULL; words: string; failed: boolean }[] = [
    { name: "complete", record: FULL, words: "200", failed: false },
    {
      name: "the client has gone",
      record: { ...FULL, outcome: "client_gone" },
      words: "client left after 3.2 s",
      failed: false,
    },
    { name: "broken", record: { ...FULL, outcome: "broken" }, words: "connection broken", failed: true },
    { name: "unreachable", record: BARE, words: "unreachable", failed: true },
    { name: "a bad status", record: { ...FULL, status: 500 }, words: "500", failed: true },
    {
      name: "an error event in the stream",
      record: { ...FULL, error_type: "overloaded_error" },
      words: "overloaded_error",
      failed: true,
    },
  ];
  for (const { name, record, words, failed } of cases) {
    test(name, () => expect([ending(record), isFailed(record)]).toEqual([words, failed]));
  }
});

test("short times have more decimals", () => {
  expect([0.24, 9.94, 12.4, 999, 1500, 61_000].map(milliseconds)).toEqual([
    ...["0.2 ms", "9.9 ms", "12 ms", "999 ms", "1.5 s", "1 min 1 s"],
  ]);
});

test("the parts of a request's time, what is left being the prefill", () => {
  const record = { ...FULL, total_ms: 1000.2, queued_ms: 300, answering_ms: 500 };
  expect(phasesOf(record)).toEqual({ queued: 300, prefill: 200, answering: 500 });
  expect(phasesOf(BARE)).toEqual({ queued: 0, prefill: 2, answering: 0 });
});

test("times of an axis differ: seconds where minutes would be the same, and equal ones once", () => {
  const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1, 9, 0, seconds)).toISOString();
  expect(tickTexts([at(0), at(60)]).map((text) => text.length)).toEqual([5, 5]);
  expect(tickTexts([at(0), at(20), at(20)]).map((text) => text.length)).toEqual([8, 8, 0]);
});

test("a cause is named in two words next to the time; a failure comes first", () => {
  const cause = { id: "slot_taken", certain: true, tokens: 9, text: "slot taken by session 4770" } as const;
  expect(ending({ ...FULL, cause } as typeof FULL)).toBe("slot taken");
  expect(ending({ ...FULL, cause, status: 500 } as typeof FULL)).toBe("500");
});
