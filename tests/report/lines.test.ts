import { describe, expect, test } from "bun:test";
import { formatProgress, type LinesSettings, RequestLines } from "../../src/report/lines.ts";
import { BARE, FULL } from "./records.ts";

const PREFILL = {
  done_tokens: 12_300,
  cached_tokens: 300,
  total_tokens_estimate: 18_042,
  evaluated_tokens_per_second: 290,
  seconds_left_estimate: 20,
};

function lines(settings: Partial<LinesSettings>): { lines: RequestLines; written: string[] } {
  const written: string[] = [];
  const write = (text: string): void => void written.push(text);
  const all = {
    logFormat: "text" as const,
    quiet: false,
    isTerminal: false,
    columns: () => 80,
    write,
    ...settings,
  };
  return { lines: new RequestLines(all), written };
}

test("in a file the names of the columns stand once, on a terminal again and again", () => {
  for (const [isTerminal, want] of [
    [false, 1],
    [true, 3],
  ] as const) {
    const { lines: report, written } = lines({ isTerminal });
    for (let i = 0; i < 50; i++) report.add(FULL);
    expect(written.filter((line) => line.includes("prompt cached")).length).toBe(want);
    expect(written.length).toBe(50 + want);
  }
});

test("a file gets no control sequences", () => {
  const { lines: report, written } = lines({});
  report.add({ ...FULL, cached_tokens: 0, evaluated_tokens: 18_432 });
  report.showProgress([PREFILL]);
  report.close();
  expect(written.join("")).not.toContain("\u001b");
  expect(written.length).toBe(2);
});

test("JSON lines are one object each, with no names of columns", () => {
  const { lines: report, written } = lines({ logFormat: "json", isTerminal: true });
  report.add(FULL);
  report.add(BARE);
  report.showProgress([PREFILL]);
  expect(written.map((line) => JSON.parse(line).id)).toEqual([FULL.id, BARE.id]);
});

describe("a server that reports no cached tokens", () => {
  const { cached_tokens, evaluated_tokens, ...old } = FULL;

  test("is told of once", () => {
    const { lines: report, written } = lines({});
    for (let i = 0; i < 3; i++) report.add(old);
    expect(written.filter((line) => line.includes("does not report cached tokens")).length).toBe(1);
    expect(written.length).toBe(5);
  });

  test("is told of in JSON too, as another event", () => {
    const { lines: report, written } = lines({ logFormat: "json" });
    report.add(old);
    expect(written.map((line) => JSON.parse(line).event)).toEqual(["warning", "request"]);
  });

  test("a failed request says nothing about the server", () => {
    const { lines: report, written } = lines({ quiet: true });
    report.add({ ...old, status: 400 });
    report.add(BARE);
    expect(written).toEqual([]);
  });
});

test("quiet says nothing of requests", () => {
  const { lines: report, written } = lines({ quiet: true, isTerminal: true });
  report.add(FULL);
  report.showProgress([PREFILL]);
  report.close();
  expect(written).toEqual([]);
});

test("the progress line is redrawn, stays below the other lines and goes away", () => {
  const { lines: report, written } = lines({ isTerminal: true });
  report.showProgress([PREFILL]);
  report.showProgress([PREFILL]);
  expect(written.splice(0)).toEqual([
    "\u001b[2Kprefill 12 300 / about 18 000 tokens, 290 tokens/s, about 20 s left\r",
  ]);
  report.showProgress([{ done_tokens: 13_000, cached_tokens: 300 }]);
  expect(written.splice(0)).toEqual(["\u001b[2Kprefill 13 000 tokens\r"]);
  report.add(FULL);
  for (const line of written.splice(0)) {
    expect(line).toStartWith("\u001b[2K");
    expect(line).toEndWith("\n\u001b[2Kprefill 13 000 tokens\r");
  }
  report.showProgress([]);
  expect(written).toEqual(["\u001b[2K"]);
});

test("the progress line never reaches the edge, where it would wrap", () => {
  for (const columns of [20, 40, 80]) {
    expect(formatProgress([PREFILL, PREFILL], columns)!.length).toBeLessThan(columns);
  }
  expect(formatProgress([PREFILL, PREFILL], 120)).toEndWith(", 1 more");
});
