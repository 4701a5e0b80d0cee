import { describe, expect, test } from "bun:test";
import { stripVTControlCharacters } from "node:util";
import { formatHeader, formatJson, formatRecord, formatSeconds } from "../../src/terminal/row.ts";
import { BARE, FULL } from "../report/records.ts";

const NARROW = { columns: 80, color: false };
const WIDE = { columns: 120, color: false };

test("a row has every figure and fits into 80 columns", () => {
  const line = formatRecord(FULL, NARROW);
  expect(line.slice(8)).toBe(" a1b2 main sonnet…  18432  18100    332  98% 0.41s  830   212 3.21s 200");
  expect(line).toMatch(/^\d\d:\d\d:\d\d /);
});

test("so do the largest figures", () => {
  const large = {
    ...FULL,
    ...{
      agent: "subagent" as const,
      prompt_tokens: 262_144,
      cached_tokens: 999_999,
      evaluated_tokens: 262_144,
    },
    ...{
      first_token_ms: 3_599_999,
      evaluated_tokens_per_second: 123_456,
      output_tokens: 99_999,
      total_ms: 3.5e9,
    },
  };
  for (const record of [large, FULL]) expect(formatRecord(record, NARROW).length).toBeLessThan(80);
  expect(formatHeader(NARROW).length).toBeLessThan(80);
});

test("figures are below their column names", () => {
  const header = formatHeader(WIDE);
  const line = formatRecord(FULL, WIDE);
  for (const [title, figure] of [
    ["prompt", "18432"],
    ["cached", "18100"],
    ["eval", "332"],
    ["hit", "98%"],
    ["out", "212"],
  ]) {
    const end = header.indexOf(` ${title} `) + title!.length + 1;
    expect({ title, figure: line.slice(0, end).split(" ").at(-1) }).toEqual({ title, figure });
  }
});

test("unknown values are empty, never 0", () => {
  expect(formatRecord(BARE, WIDE).slice(8).replace(/ +/g, " ")).toBe(
    " /v1/chat/completions 0.00s unreachable",
  );
});

test("what went wrong follows the status", () => {
  const cut = { ...FULL, outcome: "broken" as const };
  expect(formatRecord(cut, NARROW)).toEndWith(" 200 broken");
  const overflow = {
    ...BARE,
    outcome: "complete" as const,
    status: 400,
    error_type: "exceed_context_size_error",
  };
  expect(formatRecord(overflow, NARROW)).toEndWith(" 400 exceed_context_size_error");
});

test("a row with a failure fits into 80 columns and loses nothing", () => {
  const ends = [
    { ...FULL, outcome: "client_gone" as const },
    { ...FULL, outcome: "broken" as const },
    { ...BARE, outcome: "unreachable" as const },
    { ...BARE, model: "claude-opus-4-8", status: 400, error_type: "exceed_context_size_error" },
    { ...FULL, error_type: "overloaded_error" },
  ];
  for (const record of ends) {
    const [line, wide] = [formatRecord(record, NARROW), formatRecord(record, WIDE)];
    const words = (text: string) => text.replace(/^\S+ |\S+…|claude-\S+|\/v1\S+/g, "").split(/ +/);
    expect(words(line)).toEqual(words(wide));
    if (record.outcome !== "complete" || record.status === 400) expect(line.length).toBeLessThan(80);
  }
});

test("only a shortened name has an ellipsis", () => {
  const named = (model: string) => formatRecord({ ...FULL, model }, WIDE).slice(19, 44);
  expect(named("claude-sonnet-4-5-20250929")).toBe("sonnet-4-5-20250929      ");
  expect(named("claude-opus-4-8")).toBe("claude-opus-4-8          ");
  expect(named("a-model-of-a-long-name-indeed")).toBe("a-model-of-a-long-name-… ");
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
  expect(lost).toContain("\u001b[31m  0%");
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

test("a row ends with the short form of its cause", () => {
  const cause = { id: "tools_added", certain: true, tokens: 900 } as const;
  const text = "tools +1: WebFetch; ENABLE_TOOL_SEARCH=false sends all tools up front";
  expect(formatRecord({ ...FULL, cause: { ...cause, text } }, NARROW)).toEndWith(" 200 tools +1: WebFetch");
  const long = `tools +9: ${"Tool, ".repeat(20)}`;
  expect(formatRecord({ ...FULL, cause: { ...cause, text: long } }, NARROW)).toEndWith(
    `${long.slice(0, 47)}…`,
  );
});
