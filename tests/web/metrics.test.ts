import { expect, test } from "bun:test";
import parsePrometheusTextFormat from "parse-prometheus-text-format";
import { stats } from "../../src/report/stats.ts";
import { Histogram, Totals } from "../../src/report/totals.ts";
import type { WarmUpResult } from "../../src/warm/listener.ts";
import type { Reason } from "../../src/warm/plan.ts";
import { WarmTotals } from "../../src/warm/totals.ts";
import { renderMetrics } from "../../src/web/metrics.ts";
import { BARE, FULL } from "../report/records.ts";

function totalsOf(...records: (typeof FULL)[]): Totals {
  const totals = new Totals();
  for (const record of records) totals.add(record);
  return totals;
}

function families(
  totals: Totals,
  warmUps = new WarmTotals(),
): Map<string, ReturnType<typeof parsePrometheusTextFormat>[number]> {
  const text = renderMetrics({
    totals,
    running: 2,
    failures: 0,
    warmUps: warmUps.view(),
    startedAt: 1_795_424_838.961,
  });
  return new Map(parsePrometheusTextFormat(text).map((family) => [family.name, family]));
}

test("a Prometheus parser reads every figure", () => {
  const found = families(totalsOf(FULL, FULL, BARE));
  const value = (name: string): string | undefined => found.get(`cache_proxy_${name}`)?.metrics[0]?.value;
  expect({
    prompt: value("prompt_tokens_total"),
    cached: value("cached_prompt_tokens_total"),
    evaluated: value("evaluated_prompt_tokens_total"),
    output: value("output_tokens_total"),
    prefill: value("prefill_seconds_total"),
    running: value("requests_running"),
    started: value("start_time_seconds"),
  }).toEqual({
    prompt: "36864",
    cached: "36200",
    evaluated: "664",
    output: "424",
    prefill: "0.8",
    running: "2",
    started: "1795424838.961",
  });
});

test("requests are counted by endpoint, outcome and status", () => {
  const totals = totalsOf(FULL, FULL, BARE, { ...FULL, status: 500 });
  totals.count("other", "complete", 404);
  const samples = families(totals).get("cache_proxy_requests_total")!.metrics;
  expect(samples).toEqual([
    { value: "2", labels: { endpoint: "/v1/messages", outcome: "complete", status: "200" } },
    { value: "1", labels: { endpoint: "/v1/chat/completions", outcome: "unreachable" } },
    { value: "1", labels: { endpoint: "/v1/messages", outcome: "complete", status: "500" } },
    { value: "1", labels: { endpoint: "other", outcome: "complete", status: "404" } },
  ]);
});

test("requests that were not forwarded are counted by status", () => {
  const totals = new Totals();
  for (const status of [403, 529, 529]) totals.refuse(status);
  expect(families(totals).get("cache_proxy_refused_requests_total")!.metrics).toEqual([
    { value: "1", labels: { status: "403" } },
    { value: "2", labels: { status: "529" } },
  ]);
});

test("before the first request all metrics exist and are 0", () => {
  const found = families(new Totals());
  expect(found.get("cache_proxy_prompt_tokens_total")!.metrics[0]!.value).toBe("0");
  expect(found.get("cache_proxy_request_duration_seconds")!.metrics[0]!.count).toBe("0");
});

test("names follow Prometheus's conventions", () => {
  for (const { name, type, help } of families(totalsOf(FULL)).values()) {
    expect(name).toMatch(/^cache_proxy_[a-z_]+$/);
    expect({ name, counts: name.endsWith("_total") }).toEqual({ name, counts: type === "COUNTER" });
    if (type === "HISTOGRAM") expect(name).toEndWith("_seconds");
    expect(help.length).toBeGreaterThan(10);
  }
});

test("a histogram's buckets are cumulative", () => {
  const histogram = new Histogram([0.1, 1]);
  for (const milliseconds of [50, 100, 101, 5000, undefined]) histogram.add(milliseconds);
  expect(histogram).toMatchObject({ counts: [2, 3], count: 4 });
  expect(histogram.sum).toBeCloseTo(5.251);
  const { buckets, count, sum } = families(totalsOf(FULL)).get("cache_proxy_time_to_first_token_seconds")!
    .metrics[0]!;
  expect({ count, sum, below: buckets!["0.25"], at: buckets!["0.5"], all: buckets!["+Inf"] }).toEqual({
    ...{ count: "1", sum: "0.412", below: "0", at: "1", all: "1" },
  });
});

test("stats.json has the same figures and leaves out unknown ones", () => {
  const failures = { count: 1, last: "Error: no" };
  const server = { state: "ready", since: FULL.time } as const;
  const source = { startedAt: new Date(0), server, failures, running: [], records: [FULL] };
  const totals = totalsOf(FULL, BARE);
  totals.refuse(403);
  expect(stats({ ...source, totals }).totals).toEqual({
    requests: 2,
    requests_by_end: [
      { endpoint: "/v1/messages", outcome: "complete", status: 200, count: 1 },
      { endpoint: "/v1/chat/completions", outcome: "unreachable", status: undefined, count: 1 },
    ],
    failures: [{ kind: "unreachable", count: 1, longest_ms: 2 }],
    ...{ queued_seconds: 0, prefill_seconds: (3211.33 - 0.2 + 2) / 1000, answering_seconds: 0 },
    abandoned_tokens: 0,
    refused_by_status: { "403": 1 },
    ...{ prompt_tokens: 18_432, cached_tokens: 18_100, evaluated_tokens: 332, output_tokens: 212 },
    ...{
      cached_share: 18_100 / 18_432,
      evaluated_tokens_per_second: 830,
      saved_seconds_estimate: 18_100 / 830,
    },
    ...{ cold_starts: 0, warm_share: 1, waste: [] },
  });
  const empty = stats({ ...source, totals: new Totals() });
  expect(empty.totals).not.toHaveProperty("cached_share");
  expect(empty.requests).toEqual([FULL]);
  expect(empty.failures).toEqual(failures);
  expect(JSON.parse(JSON.stringify(empty)).started_at).toBe("1970-01-01T00:00:00.000Z");
});

test("warm-ups are counted apart, by reason and outcome", () => {
  const warmUps = new WarmTotals();
  const run = (reason: Reason, result: WarmUpResult): void => {
    warmUps.started({ reason });
    warmUps.ended({ reason }, result);
  };
  run("turn", { outcome: "complete", pieces: 4, evaluated_tokens: 2_973, ms: 900 });
  run("turn", { outcome: "complete", pieces: 1, evaluated_tokens: undefined, ms: 100 });
  run("restart", { outcome: "aborted", pieces: 0, evaluated_tokens: 0, ms: 500 });
  const found = families(totalsOf(FULL), warmUps);
  expect(found.get("cache_proxy_warmups_total")!.metrics).toEqual([
    { value: "2", labels: { reason: "turn", outcome: "complete" } },
    { value: "1", labels: { reason: "restart", outcome: "aborted" } },
  ]);
  expect(found.get("cache_proxy_warmup_evaluated_prompt_tokens_total")!.metrics[0]!.value).toBe("2973");
  expect(found.get("cache_proxy_warmup_seconds_total")!.metrics[0]!.value).toBe("1.5");
  expect(found.get("cache_proxy_evaluated_prompt_tokens_total")!.metrics[0]!.value).toBe("332");
});
