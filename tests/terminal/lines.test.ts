import { describe, expect, test } from "bun:test";
import type { RequestRecord } from "../../src/report/record.ts";
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

const NOW = Date.parse(FULL.time) + 42_000;

interface Setting extends Partial<LinesSettings> {
  readonly isTerminal?: boolean;
}

function lines({ isTerminal = false, ...settings }: Setting): {
  lines: RequestLines;
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
    expect(written.filter((line) => /prompt .*evaluated/.test(line)).length).toBe(want);
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
    const line = "POST /v1/messages: billing header made constant; tools moved: A, B (800 to 780 bytes)\n";
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
    expect(written).toEqual(["POST /v1/messages: nothing to change (9 bytes)\n"]);
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

test("what was changed in a request continues its row", () => {
  const { lines: report, written } = lines({ verbose: true });
  const client = { method: "POST", path: "/v1/messages", endpoint: undefined, arrivedAt: 0 };
  report.rewritten(client, { before: 9, after: 9, notes: ["header"] }, 3);
  report.rewritten(client, { before: 8, after: 7, notes: ["1 system turn", "10 tools moved"] }, FULL.id);
  report.ended(FULL);
  expect(written.slice(2)).toEqual(["         └ a1b2 1 system turn; 10 tools moved (8 to 7 bytes)\n"]);
});

test("a long change is wrapped on a terminal and is one line in a file", () => {
  const client = { method: "POST", path: "/v1/messages", endpoint: undefined, arrivedAt: 0 };
  const change = { before: 9, after: 9, notes: ["one tool moved: Name ".repeat(8)] };
  for (const isTerminal of [true, false]) {
    const { lines: report, screen } = lines({ verbose: true, isTerminal });
    report.rewritten(client, change, FULL.id);
    report.ended(FULL);
    const rows = screen.text.split("\n").slice(2);
    expect(rows.length > 1).toBe(isTerminal);
    if (isTerminal) expect(Math.max(...rows.map((row) => row.length))).toBeLessThan(80);
  }
});

test("in JSON, what was changed is an event with fields and the request's id", () => {
  const { lines: report, written } = lines({ verbose: true, logFormat: "json" });
  const client = { method: "POST", path: "/v1/messages", endpoint: undefined, arrivedAt: 0 };
  report.rewritten(client, { before: 8, after: 7, notes: ["header"] }, 3);
  expect(JSON.parse(written[0]!)).toEqual({
    event: "body",
    time: expect.any(String),
    ...{ id: 3, method: "POST", path: "/v1/messages", bytes_before: 8, bytes_after: 7, notes: ["header"] },
  });
});

test("the model is named when it changes, by sender", () => {
  const { lines: report, written } = lines({});
  const side = { ...FULL, agent: "side" as const, model: "claude-haiku" };
  for (const record of [FULL, side, FULL, side, { ...FULL, model: "other" }]) report.ended(record);
  expect(written.slice(1).map((line) => line.trimEnd().split("3.21s")[1])).toEqual([
    ...[" sonnet-4-5", " haiku", "", "", " other"],
  ]);
});

describe("failures that repeat", () => {
  const at = (seconds: number, id: number): RequestRecord => {
    return { ...BARE, id, time: new Date(Date.parse(BARE.time) + seconds * 1000).toISOString() };
  };

  test("are folded into one line", () => {
    const { lines: report, written } = lines({});
    for (const [seconds, id] of [0, 3, 8, 17].entries()) report.ended(at(id, seconds));
    expect(written.length).toBe(2);
    report.ended(FULL);
    expect(written[2]).toBe("         └ unreachable × 4 in 17 s\n");
    expect(written.length).toBe(4);
  });

  test("are counted in the status line of a terminal, which goes away with the summary", () => {
    const { lines: report, screen } = lines({ isTerminal: true });
    for (const seconds of [0, 2, 5]) {
      report.ended(at(seconds, seconds));
      report.running([]);
    }
    expect(screen.text).toEndWith("\nunreachable × 3 in 5 s");
    report.flush();
    expect(screen.text).toEndWith("\n         └ unreachable × 3 in 5 s");
  });

  test("of another session are not", () => {
    const { lines: report, written } = lines({});
    report.ended(at(0, 1));
    report.ended({ ...at(1, 2), session: "other" });
    expect(written.length).toBe(3);
  });

  test("are written before the end, and about once a minute", () => {
    const { lines: report, written } = lines({});
    for (const seconds of [0, 30, 60, 61, 90]) report.ended(at(seconds, seconds));
    report.flush();
    report.flush();
    expect(written.slice(2)).toEqual([
      "         └ unreachable × 3 in 60 s\n".replace("60 s", "1 min 0 s"),
      "         └ unreachable × 3 in 30 s\n",
    ]);
  });
});

describe("a change of the server", () => {
  const ready = { state: "ready", since: FULL.time, build: "b10434", model: "Qwen3", slots: 1 } as const;
  const lost = { state: "lost", since: FULL.time, cause: "connection refused" } as const;

  test("is one line", () => {
    const { lines: report, written } = lines({});
    report.server(lost);
    report.server(ready);
    expect(written[0]).toBe("warning: the upstream does not answer (connection refused); requests get 502\n");
    expect(written[1]).toMatch(/^\d\d:\d\d:\d\d llama-server b10434, Qwen3 is ready\n$/);
    expect(written[2]).toBe("         └ 1 slot\n");
  });

  test("is an event in JSON", () => {
    const { lines: report, written } = lines({ logFormat: "json" });
    report.server(ready);
    expect(JSON.parse(written[0]!)).toMatchObject({ event: "upstream", ...ready });
  });

  test("quiet has the loss only", () => {
    const { lines: report, written } = lines({ quiet: true });
    report.server(ready);
    report.server(lost);
    expect(written.length).toBe(1);
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
    expect(formatProgress(waiting(PREFILL, PREFILL), columns, NOW)!.length).toBeLessThan(columns);
  }
  expect(formatProgress(waiting(PREFILL, PREFILL), 120, NOW)).toEndWith(" · 1 more");
});

describe("the progress line", () => {
  const at = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();
  const waits = {
    ...{ id: 1, time: at(42), endpoint: "/v1/messages", session: FULL.session!, state: "waiting" as const },
  };
  const cases: [name: string, requests: readonly Running[], want: string | undefined][] = [
    ["a new request", [{ ...waits, time: at(1) }], undefined],
    ["a request that waits", [waits], "a1b2 waiting 42 s"],
    [
      "a request that waits for another one",
      [
        { ...waits, id: 2, session: "c3d4", after: 1 },
        { ...waits, state: "answering", time: at(1) },
      ],
      "c3d4 waiting 42 s, after a1b2 · 1 more",
    ],
    ["a prefill", [{ ...waits, progress: { done_tokens: 9, cached_tokens: 1 } }], "a1b2 prefill 9 tokens"],
    ["an answer", [{ ...waits, state: "answering", answering_since: at(20) }], "a1b2 answering 20 s"],
    [
      "an answer with tokens",
      [{ ...waits, state: "answering", answering_since: at(20), output_tokens: 310 }],
      "a1b2 answering 20 s, 310 tokens",
    ],
  ];
  test.each(cases)("of %s", (_, requests, want) =>
    expect(formatProgress(requests, 80, NOW)).toBe(want as string),
  );
});
