import { clockTime, duration, grouped, percent } from "../format/numbers.ts";
import type { RequestRecord } from "../report/record.ts";
import type { TotalsView } from "../report/stats.ts";
import { cachedShare, type FailureCount, prefillSpeed, secondsSaved, type Totals } from "../report/totals.ts";
import { formatSeconds } from "./row.ts";

/** The run in a few lines, without a line break at the end; empty when there was no inference request. */
export function formatSummary(totals: Totals, costliest: readonly RequestRecord[]): string {
  if (totals.inferences === 0) return "";
  const requests = counted(totals.inferences, "request");
  const rest = [...abandoned(totals), ...failed(totals), ...times(totals), ...costs(costliest)];
  if (totals.prompt_tokens === 0)
    return [`${requests}; no answer reported its prompt tokens`, ...rest].join("\n");
  const head = `${requests}, ${counted(totals.prompt_tokens, "prompt token")}`;
  return [head, ...figures(totals), ...rest].join("\n");
}

/** The same figures as the fields of a JSON object. */
export function summaryFields(
  totals: TotalsView,
  costliest: readonly RequestRecord[],
): Record<string, unknown> {
  return { ...totals, costliest: costliest.map(({ id }) => id) };
}

// --- internal ---

function figures(totals: Totals): string[] {
  const share = cachedShare(totals);
  if (share === undefined) return ["  the upstream reported no cached tokens"];
  const lines = [
    `  cached     ${counted(totals.cached_tokens, "token")} (${percent(share)})`,
    `  evaluated  ${counted(totals.evaluated_tokens, "token")}`,
  ];
  return [...warmth(totals), ...lines, ...saved(totals), ...wasted(totals)];
}

/** `warm turns 99.4% cached, 5 cold starts`: of what could have come from the cache, as a first request cannot. */
function warmth({ waste }: Totals): string[] {
  const share = waste.warmShare;
  if (share === undefined) return [];
  const cold = waste.coldStarts > 0 ? `, ${counted(waste.coldStarts, "cold start")}` : "";
  return [`  warm turns ${percent(share)} cached${cold}`];
}

function wasted({ waste }: Totals): string[] {
  const costs = waste.list();
  if (costs.length === 0) return [];
  return [
    "  cost by cause",
    ...costs.map(({ id, tokens, requests }) => {
      return `    ${id.replaceAll("_", " ")}: ${grouped(tokens)} tokens in ${counted(requests, "request")}`;
    }),
  ];
}

function saved(totals: Totals): string[] {
  const [seconds, speed] = [secondsSaved(totals), prefillSpeed(totals)];
  if (!seconds || !speed) return [];
  const how = `estimate: cached ÷ ${grouped(speed)} tokens/s`;
  return [`  saved      about ${duration(seconds)} of prefill (${how})`];
}

function abandoned({ abandoned_tokens }: Totals): string[] {
  if (abandoned_tokens === 0) return [];
  return [`  abandoned  ${counted(abandoned_tokens, "token")} evaluated for clients that left`];
}

/** `failed     12: 9 unreachable, 1 broken, 1 left after 1 min 39 s, 1 too long`. */
function failed({ failures }: Totals): string[] {
  if (failures.length === 0) return [];
  const all = failures.reduce((sum, { count }) => sum + count, 0);
  const sum = failures.length === 1 ? "" : `${grouped(all)}: `;
  return [`  failed     ${sum}${failures.map(kindWords).join(", ")}`];
}

function kindWords({ kind, count, longest_ms }: FailureCount): string {
  const after = kind === "left" ? ` after ${count > 1 ? "up to " : ""}${seconds(longest_ms)}` : "";
  return `${grouped(count)} ${KINDS[kind]}${after}`;
}

const KINDS: Readonly<Record<FailureCount["kind"], string>> = {
  unreachable: "unreachable",
  broken: "broken",
  left: "left",
  "too long": "too long",
  loading: "while loading",
  error: "refused with an error",
};

function times({ phases }: Totals): string[] {
  const { queued_ms, prefill_ms, answering_ms } = phases;
  if (queued_ms + prefill_ms + answering_ms < 1000) return [];
  const parts = Object.entries({ queued: queued_ms, prefill: prefill_ms, answering: answering_ms })
    .filter(([, milliseconds]) => milliseconds >= 100)
    .map(([name, milliseconds]) => `${name} ${seconds(milliseconds)}`);
  return [`  time       ${parts.join(", ")}`];
}

/** Whole seconds from 10 s on. */
function seconds(milliseconds: number): string {
  return duration(Math.round(milliseconds / 100) / 10);
}

function costs(records: readonly RequestRecord[]): string[] {
  if (records.length === 0) return [];
  return ["  costliest", ...records.map((record) => `    ${describe(record)}`)];
}

function describe(record: RequestRecord): string {
  const { time, session, agent, prompt_tokens, evaluated_tokens, abandoned_tokens, first_token_ms } = record;
  const who = [clockTime(time), session?.slice(0, 4), agent].filter(Boolean).join(" ");
  const evaluated = evaluated_tokens !== undefined ? `${grouped(evaluated_tokens)} evaluated of ` : "";
  const prompt = prompt_tokens !== undefined ? `${evaluated}${counted(prompt_tokens, "token")}` : undefined;
  const left =
    abandoned_tokens === undefined
      ? undefined
      : `${grouped(abandoned_tokens)} evaluated, client left after ${seconds(record.total_ms)}`;
  const first =
    first_token_ms !== undefined ? `first token ${formatSeconds(first_token_ms / 1000)}` : undefined;
  return [who, prompt, left, first].filter(Boolean).join(", ");
}

function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
