import { expect, test } from "bun:test";
import { CostliestRequests } from "../../src/report/costliest.ts";
import type { RequestRecord } from "../../src/report/record.ts";
import { Totals } from "../../src/report/totals.ts";
import { formatSummary } from "../../src/terminal/summary.ts";
import { BARE, FULL } from "../report/records.ts";

function summaryOf(records: readonly RequestRecord[]): string {
  const totals = new Totals();
  const costliest = new CostliestRequests();
  for (const record of records) {
    totals.add(record);
    costliest.ended(record);
  }
  return formatSummary(totals, costliest.list());
}

test("the run in a few lines", () => {
  const lost = {
    ...FULL,
    agent: "subagent" as const,
    cached_tokens: 0,
    evaluated_tokens: 18_432,
    prefill_ms: 22_207,
    first_token_ms: 22_300,
  };
  expect(
    summaryOf([FULL, lost, BARE])
      .replace(/\d\d:\d\d:\d\d/g, "TIME")
      .split("\n"),
  ).toEqual([
    "3 requests, 36 864 prompt tokens",
    "  warm turns 100.0 % cached",
    "  cached     18 100 tokens (49.0 %)",
    "  evaluated  18 764 tokens",
    "  saved      about 22 s of prefill (estimate: cached ÷ 830 tokens/s)",
    "  failed     1 unreachable",
    "  time       prefill 6.4 s",
    "  costliest",
    "    TIME a1b2 subagent, 18 432 evaluated of 18 432 tokens, first token 22.3s",
    "    TIME a1b2 main, 332 evaluated of 18 432 tokens, first token 0.41s",
  ]);
});

test("what failed, what a client that left has cost, and where the time went", () => {
  const bare = { ...BARE, outcome: "complete" as const };
  const summary = summaryOf([
    { ...FULL, total_ms: 20_000, queued_ms: 2_000, answering_ms: 8_000 },
    ...Array.from({ length: 9 }, () => BARE),
    { ...BARE, outcome: "broken" },
    { ...BARE, outcome: "client_gone", total_ms: 99_000, abandoned_tokens: 28_672 },
    { ...bare, status: 400, error_type: "exceed_context_size_error" },
    { ...bare, status: 503 },
    { ...bare, status: 500 },
  ]);
  expect(summary).toContain(
    "  failed     14: 9 unreachable, 1 broken, 1 left after 1 min 39 s, 1 too long, 1 while loading, 1 refused with an error\n",
  );
  expect(summary).toContain("  abandoned  28 672 tokens evaluated for clients that left\n");
  expect(summary).toContain("  time       queued 2 s, prefill 1 min 49 s, answering 8 s\n");
  expect(summary).toMatch(/costliest\n.*28 672 evaluated, client left after 1 min 39 s\n/);
});

test("one is not many", () => {
  const one = { ...FULL, prompt_tokens: 1, cached_tokens: 1, evaluated_tokens: 0 };
  expect(summaryOf([one])).toContain(
    "1 request, 1 prompt token\n  warm turns 100.0 % cached\n  cached     1 token (100.0 %)\n",
  );
});

test("warm turns are apart from cold starts, and every cause has its cost, most costly first", () => {
  const cause = { certain: true, text: "" };
  const records: RequestRecord[] = [
    {
      ...FULL,
      cached_tokens: 0,
      evaluated_tokens: 900,
      cause: { ...cause, id: "first_request", tokens: 900 },
    },
    { ...FULL, cached_tokens: 3000, evaluated_tokens: 20 },
    {
      ...FULL,
      cached_tokens: 0,
      evaluated_tokens: 1100,
      cause: { ...cause, id: "slot_taken", tokens: 1000 },
    },
  ];
  const lines = summaryOf(records).split("\n");
  expect(lines).toContain("  warm turns 75.0 % cached, 1 cold start");
  expect(lines.slice(lines.indexOf("  cost by cause") + 1).slice(0, 2)).toEqual([
    "    slot taken: 1 000 tokens in 1 request",
    "    first request: 900 tokens in 1 request",
  ]);
});

test("without cached tokens nothing is claimed about them", () => {
  const { cached_tokens, evaluated_tokens, prefill_ms, evaluated_tokens_per_second, ...rest } = FULL;
  const summary = summaryOf([rest]);
  expect(summary).toContain("1 request, 18 432 prompt tokens\n  the upstream reported no cached tokens\n");
  expect(summary).not.toContain("saved");
});

test("only the five costliest are named, costliest first", () => {
  const records = [5, 900, 40, 3, 700, 60, 800].map((evaluated_tokens, id) => ({
    ...FULL,
    id,
    evaluated_tokens,
  }));
  const named = summaryOf(records).matchAll(/(\d+) evaluated of/g);
  expect([...named].map(([, evaluated]) => evaluated)).toEqual(["900", "800", "700", "60", "40"]);
});

test("too few tokens give no speed", () => {
  expect(summaryOf([{ ...FULL, evaluated_tokens: 5, prefill_ms: 10 }])).not.toContain("saved");
});

test("without reported tokens there are no figures", () => {
  expect(summaryOf([BARE])).toBe(
    "1 request; no answer reported its prompt tokens\n  failed     1 unreachable",
  );
});

test("a run without requests has no summary", () => {
  expect(summaryOf([])).toBe("");
});
