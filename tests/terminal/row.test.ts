import { describe, expect, test } from "bun:test";
import { stripVTControlCharacters } from "node:util";
import type { RequestRecord } from "../../src/report/record.ts";
import { formatHeader, formatJson, formatRecord, formatSeconds } from "../../src/terminal/row.ts";
import { BARE, FULL } from "../report/records.ts";

const NARROW = { columns: 80, color: false };
const WIDE = { columns: 120, color: false };

test("a wide row has every figure, below its column's name", () => {
  const header = formatHeader(WIDE);
  const line = formatRecord(FULL, WIDE);
  expect(line.slice(8)).toBe(" a1b2    main  18432  18100       332   98%       0.41s      830    212 3.21s");
  expect(line).toMatch(/^\d\d:\d\d:\d\d /);
  for (const [title, figure] of [
    ["prompt", "18432"],
    ["cached", "18100"],
    ["evaluated", "332"],
    ["share", "98%"],
    ["first token", "0.41s"],
    ["tokens/s", "830"],
    ["output", "212"],
    ["total", "3.21s"],
  ]) {
    const end = header.indexOf(title!) + title!.length;
    expect({ title, figure: line.slice(0, end).split(" ").at(-1) }).toEqual({ title, figure });
  }
});

test("a narrow terminal has fewer columns, and no line reaches its edge", () => {
  const large = {
    ...FULL,
    ...{ agent: "subagent" as const, prompt_tokens: 262_144, cached_tokens: 999_999 },
    ...{ evaluated_tokens: 262_144, first_token_ms: 3_599_999, output_tokens: 99_999, total_ms: 3.5e9 },
  };
  for (let columns = 30; columns <= 130; columns++) {
    const style = { columns, color: false };
    expect(formatHeader(style).length).toBeLessThan(columns);
    for (const record of [large, FULL, BARE, { ...FULL, outcome: "broken" as const }])
      expect(formatRecord(record, style, "a remark about it").length).toBeLessThan(columns);
  }
  expect(formatHeader({ columns: 80, color: false })).toBe(
    "time     session from prompt evaluated share first token total",
  );
  expect(formatHeader({ columns: 60, color: false })).toBe("time     prompt evaluated share first token");
});

test("unknown values are empty, never 0", () => {
  expect(formatRecord(BARE, WIDE).slice(8).replace(/ +/g, " ")).toBe(" 0.00s unreachable");
});

describe("the note says what went wrong", () => {
  const overflow = { outcome: "complete" as const, status: 400, error_type: "exceed_context_size_error" };
  const cases: [record: RequestRecord, note: string][] = [
    [{ ...FULL, outcome: "broken" }, "connection broken"],
    [{ ...BARE, outcome: "unreachable" }, "unreachable"],
    [{ ...BARE, ...overflow }, "400 prompt too long"],
    [
      { ...BARE, ...overflow, refused_prompt_tokens: 33_150, context_tokens: 16_384 },
      "400 prompt 33 150 > 16 384 context",
    ],
    [{ ...BARE, outcome: "complete", status: 503 }, "503 loading"],
    [{ ...FULL, status: 200, error_type: "overloaded_error" }, "overloaded_error"],
    [{ ...BARE, outcome: "complete", status: 500, error_type: "api_error" }, "500 api_error"],
    [{ ...BARE, outcome: "client_gone", total_ms: 99_000 }, "client left after 1 min 39 s"],
  ];
  test.each(cases)("%#", (record, note) => {
    for (const style of [NARROW, WIDE]) expect(formatRecord(record, style, "remark")).toEndWith(` ${note}`);
  });
});

test("an answered request has no note but the remark", () => {
  expect(formatRecord(FULL, WIDE, "sonnet-4-5")).toEndWith(" 3.21s sonnet-4-5");
});

test("a client that left has its cost in the row", () => {
  const left = { ...BARE, outcome: "client_gone" as const, abandoned_tokens: 28_672 };
  expect(formatRecord(left, NARROW)).toContain(" 28672 ");
});

test("color adds only escape sequences", () => {
  for (const record of [FULL, BARE, { ...FULL, cached_tokens: 3, evaluated_tokens: 18_429 }]) {
    const colored = formatRecord(record, { ...NARROW, color: true });
    expect(colored).toContain("\u001b[");
    expect(stripVTControlCharacters(colored)).toBe(formatRecord(record, NARROW));
  }
});

test("a lost cache is red, a low share of a short prompt is not", () => {
  const lost = formatRecord(
    { ...FULL, cached_tokens: 3, evaluated_tokens: 18_429 },
    { ...NARROW, color: true },
  );
  expect(lost).toContain("\u001b[31m   0%");
  const short = formatRecord(
    { ...FULL, prompt_tokens: 9, cached_tokens: 3, evaluated_tokens: 6 },
    { ...NARROW, color: true },
  );
  expect(short).not.toContain("\u001b[31m");
});

test("99.9 % is not 100 %", () => {
  expect(formatRecord({ ...FULL, cached_tokens: 18_431, evaluated_tokens: 1 }, NARROW)).toContain(" 99% ");
});

test("the JSON line is the record, marked by its event", () => {
  expect(JSON.parse(formatJson(FULL))).toEqual({ event: "request", ...FULL });
  expect(formatJson(FULL)).not.toContain("\n");
  expect(Object.keys(JSON.parse(formatJson(BARE)))).toEqual([
    "event",
    "id",
    "time",
    "endpoint",
    "outcome",
    "total_ms",
  ]);
});

describe("a duration has at most five characters", () => {
  const cases: [seconds: number, want: string][] = [
    [0, "0.00s"],
    [9.994, "9.99s"],
    [9.996, "10.0s"],
    [99.96, "100s"],
    [999.4, "999s"],
    [999.6, "17m"],
    [60_000, "17h"],
  ];
  test.each(cases)("%p seconds", (seconds, want) => expect(formatSeconds(seconds)).toBe(want));
});
