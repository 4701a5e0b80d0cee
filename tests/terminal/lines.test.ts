import { describe, expect, test } from "bun:test";
import type { Listener } from "../../src/report/listener.ts";
import type { Progress, Running } from "../../src/report/running.ts";
import { type LinesSettings, RequestLines } from "../../src/terminal/lines.ts";
import { createLog } from "../../src/terminal/log.ts";
import { Output } from "../../src/terminal/output.ts";
import { formatProgress } from "../../src/terminal/progress-line.ts";
import { BARE, FULL } from "../report/records.ts";
import { Screen } from "./screen.ts";

const PREFILL = {
  done_tokens: 12_300,
  cached_tokens: 300,
  total_tokens_estimate: 18_042,
  evaluated_tokens_per_second: 290,
  seconds_left_estimate: 20,
};

interface Setting extends Partial<LinesSettings> {
  readonly isTerminal?: boolean;
}

function lines({ isTerminal = false, ...settings }: Setting): {
  lines: Required<Pick<Listener, "rewritten" | "ended" | "running">>;
  written: string[];
  screen: Screen;
} {
  const screen = new Screen({ isTTY: isTerminal });
  const output = new Output(screen);
  const logFormat = settings.logFormat ?? "text";
  const log = createLog(output, logFormat);
  const all = { output, log, logFormat, quiet: false, verbose: false, ...settings };
  return { lines: new RequestLines(all), written: screen.written, screen };
}

/** Waiting requests with this progress. */
function waiting(...prefills: readonly Progress[]): Running[] {
  return prefills.map((progress, id) => {
    return { id, time: FULL.time, endpoint: "/v1/messages", state: "waiting", progress };
  });
}

test("a file has the column names once, a terminal has them again and again", () => {
  for (const [isTerminal, want] of [
    [false, 1],
    [true, 3],
  ] as const) {
    const { lines: report, written } = lines({ isTerminal });
    for (let i = 0; i < 50; i++) report.ended(FULL);
    expect(written.filter((line) => line.includes("prompt cached")).length).toBe(want);
    expect(written.length).toBe(50 + want);
  }
});

test("a file gets no control sequences", () => {
  const { lines: report, written } = lines({});
  report.ended({ ...FULL, cached_tokens: 0, evaluated_tokens: 18_432 });
  report.running(waiting(PREFILL));
  report.running([]);
  expect(written.join("")).not.toContain("\u001b");
  expect(written.length).toBe(2);
});

test("JSON lines are one object each, without column names", () => {
  const { lines: report, written } = lines({ logFormat: "json", isTerminal: true });
  report.ended(FULL);
  report.ended(BARE);
  report.running(waiting(PREFILL));
  expect(written.map((line) => JSON.parse(line).id)).toEqual([FULL.id, BARE.id]);
});

describe("a server that reports no cached tokens", () => {
  const { cached_tokens, evaluated_tokens, ...old } = FULL;

  test("is reported once", () => {
    const { lines: report, written } = lines({});
    for (let i = 0; i < 3; i++) report.ended(old);
    expect(written.filter((line) => line.includes("does not report cached tokens")).length).toBe(1);
    expect(written.length).toBe(5);
  });

  test("is reported in JSON too, as another event", () => {
    const { lines: report, written } = lines({ logFormat: "json" });
    report.ended(old);
    expect(written.map((line) => JSON.parse(line).event)).toEqual(["warning", "request"]);
  });

  test("a failed request does not count", () => {
    const { lines: report, written } = lines({ quiet: true });
    report.ended({ ...old, status: 400 });
    report.ended(BARE);
    expect(written).toEqual([]);
  });
});

describe("what was changed in a body", () => {
  const client = { method: "POST", path: "/v1/messages", endpoint: undefined, arrivedAt: 0 };
  const change = { before: 800, after: 780, notes: ["billing header made constant", "tools moved: A, B"] };

  test("is one line, only with --verbose and without --quiet", () => {
    const line = "POST /v1/messages: 800 to 780 bytes; billing header made constant; tools moved: A, B\n";
    for (const [verbose, quiet, want] of [
      [true, false, [line]],
      [false, false, []],
      [true, true, []],
    ] as const) {
      const { lines: report, written } = lines({ verbose, quiet });
      report.rewritten(client, change);
      expect(written).toEqual([...want]);
    }
  });

  test("without a change it says so", () => {
    const { lines: report, written } = lines({ verbose: true });
    report.rewritten(client, { before: 9, after: 9, notes: [] });
    expect(written).toEqual(["POST /v1/messages: 9 bytes; nothing to change\n"]);
  });

  test("cannot forge a line or send an escape sequence, in text and in JSON", () => {
    for (const logFormat of ["text", "json"] as const) {
      const { lines: report, written } = lines({ verbose: true, logFormat });
      const hostile = { ...client, method: "A\x1bB", path: "/v1/\x9b2J\n12:00:00 forged" };
      report.rewritten(hostile, { ...change, notes: ["tools moved: x\n12:00:00 forged\x1b[2J\u2028\u202e"] });
      expect(written.length).toBe(1);
      expect(written[0]!.trimEnd()).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
    }
  });
});

test("quiet writes no request lines", () => {
  const { lines: report, written } = lines({ quiet: true, isTerminal: true });
  report.ended(FULL);
  report.running(waiting(PREFILL));
  report.running([]);
  expect(written).toEqual([]);
});

test("the progress line is redrawn, stays below the other lines and disappears", () => {
  const { lines: report, written } = lines({ isTerminal: true });
  report.running(waiting(PREFILL));
  report.running(waiting(PREFILL));
  expect(written.splice(0)).toEqual([
    "\r\u001b[2Kprefill 12 300 / about 18 000 tokens, 290 tokens/s, about 20 s left\r",
  ]);
  report.running(waiting({ done_tokens: 13_000, cached_tokens: 300 }));
  expect(written.splice(0)).toEqual(["\r\u001b[2Kprefill 13 000 tokens\r"]);
  report.ended(FULL);
  for (const line of written.splice(0)) {
    expect(line).toStartWith("\r\u001b[2K");
    expect(line).toEndWith("\n\r\u001b[2Kprefill 13 000 tokens\r");
  }
  report.running([]);
  expect(written).toEqual(["\r\u001b[2K"]);
});

test("the progress line never reaches the edge, where it would wrap", () => {
  for (const columns of [20, 40, 80]) {
    expect(formatProgress([PREFILL, PREFILL], columns)!.length).toBeLessThan(columns);
  }
  expect(formatProgress([PREFILL, PREFILL], 120)).toEndWith(", 1 more");
});
