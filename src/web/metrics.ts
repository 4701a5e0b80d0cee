import pkg from "../../package.json" with { type: "json" };
import type { Histogram, Totals } from "../report/totals.ts";
import type { WarmUpsView } from "../warm/totals.ts";

/** `Content-Type` of Prometheus's text format, version 0.0.4. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export interface MetricsSource {
  readonly totals: Totals;
  readonly running: number;
  /** Errors inside cache-proxy. */
  readonly failures: number;
  readonly warmUps: WarmUpsView;
  /** Start of this run, seconds since 1970. */
  readonly startedAt: number;
}

/**
 * The text that Prometheus scrapes. Format: https://prometheus.io/docs/instrumenting/exposition_formats/, names:
 * https://prometheus.io/docs/practices/naming/. Labels have few values: endpoints come from a fixed list, and there is no session or model.
 */
export function renderMetrics({ totals, running, failures, warmUps, startedAt }: MetricsSource): string {
  return [
    metric("build_info", "gauge", "1, with the version as a label.", [[{ version: pkg.version }, 1]]),
    metric("start_time_seconds", "gauge", "Start of this run, seconds since 1970.", [[{}, startedAt]]),
    requests(totals),
    refused(totals),
    metric("requests_running", "gauge", "Inference requests in progress.", [[{}, running]]),
    counter("prompt_tokens_total", "Prompt tokens, as reported by the upstream.", totals.prompt_tokens),
    counter("cached_prompt_tokens_total", "Prompt tokens found in the KV cache.", totals.cached_tokens),
    counter(
      "evaluated_prompt_tokens_total",
      "Prompt tokens evaluated by the upstream.",
      totals.evaluated_tokens,
    ),
    wasted(totals),
    counter(
      "cold_starts_total",
      "Requests that began a conversation with an uncached prompt.",
      totals.waste.coldStarts,
    ),
    counter("output_tokens_total", "Generated tokens.", totals.output_tokens),
    counter(
      "prefill_seconds_total",
      "Time of the prefills that could be measured.",
      totals.prefill_ms / 1000,
    ),
    counter(
      "prefill_tokens_total",
      "Prompt tokens evaluated in cache_proxy_prefill_seconds_total.",
      totals.prefill_tokens,
    ),
    histogram("added_seconds", "From the request's headers to sending it to the upstream.", totals.addedTime),
    histogram(
      "time_to_first_byte_seconds",
      "From the request's headers to the first byte of the answer's body.",
      totals.firstByte,
    ),
    histogram(
      "time_to_first_token_seconds",
      "From the request's headers to the first output of a streamed answer.",
      totals.firstToken,
    ),
    histogram(
      "request_duration_seconds",
      "From the request's headers to the end of the answer.",
      totals.duration,
    ),
    warmUpCounts(warmUps),
    counter(
      "warmup_evaluated_prompt_tokens_total",
      "Prompt tokens that warm-ups had evaluated; in no other total.",
      warmUps.evaluated_tokens,
    ),
    counter("warmup_seconds_total", "Time of all warm-ups.", warmUps.seconds),
    counter("report_failures_total", "Errors inside cache-proxy that no client sees.", failures),
  ].join("");
}

// --- internal ---

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number, suffix?: string];

function requests(totals: Totals): string {
  const samples = totals.requests.map(({ endpoint, outcome, status, count }): Sample => {
    return [{ endpoint, outcome, ...(status !== undefined && { status: String(status) }) }, count];
  });
  const help =
    "Requests by endpoint, outcome (complete, unreachable, broken, client_gone) and the upstream's status.";
  return metric("requests_total", "counter", help, samples);
}

function refused(totals: Totals): string {
  const samples = [...totals.refused].map(([status, count]): Sample => [{ status: String(status) }, count]);
  const help = "Requests that cache-proxy answered itself and did not forward, by its status.";
  return metric("refused_requests_total", "counter", help, samples);
}

function wasted({ waste }: Totals): string {
  const samples = waste.list().map(({ id, tokens }): Sample => [{ cause: id }, tokens]);
  const help = "Prompt tokens that were evaluated although they were known, or for a cold start, by cause.";
  return metric("wasted_tokens_total", "counter", help, samples);
}

function warmUpCounts({ counts }: MetricsSource["warmUps"]): string {
  const samples = counts.map(({ reason, outcome, count }): Sample => [{ reason, outcome }, count]);
  const help =
    "Warm-ups by reason (turn, restart, start) and outcome (complete, aborted, failed); they are no requests.";
  return metric("warmups_total", "counter", help, samples);
}

function counter(name: string, help: string, value: number): string {
  return metric(name, "counter", help, [[{}, value]]);
}

function histogram(name: string, help: string, { bounds, counts, count, sum }: Histogram): string {
  const buckets = bounds.map((le, index): Sample => [{ le: String(le) }, counts[index]!, "_bucket"]);
  return metric(name, "histogram", help, [
    ...buckets,
    [{ le: "+Inf" }, count, "_bucket"],
    [{}, sum, "_sum"],
    [{}, count, "_count"],
  ]);
}

function metric(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const full = `cache_proxy_${name}`;
  const lines = samples.map(([labels, value, suffix = ""]) => `${full}${suffix}${braces(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}

/** Values need no escaping: they are statuses, outcomes, bounds, the version and endpoints from a fixed list. */
function braces(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}
