import { clockTime, duration, grouped, percent } from "../format/numbers.ts";
import type { RequestRecord } from "../report/record.ts";
import { cachedShare, prefillSpeed, secondsSaved, type Totals } from "../report/totals.ts";
import { formatSeconds } from "./row.ts";

/** The run in a few lines, without a line break at the end; empty when there was no inference request. */
export function formatSummary(totals: Totals, costliest: readonly RequestRecord[]): string {
  if (totals.inferences === 0) return "";
  const requests = counted(totals.inferences, "request");
  if (totals.prompt_tokens === 0) return `${requests}; no answer reported its prompt tokens`;
  const head = `${requests}, ${grouped(totals.prompt_tokens)} prompt tokens`;
  return [head, ...figures(totals), ...costs(costliest)].join("\n");
}

// --- internal ---

function figures(totals: Totals): string[] {
  const share = cachedShare(totals);
  if (share === undefined) return ["  the upstream reported no cached tokens"];
  const lines = [
    `  cached     ${grouped(totals.cached_tokens)} tokens (${percent(share)})`,
    `  evaluated  ${grouped(totals.evaluated_tokens)} tokens`,
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
  const how = `estimate: cached ÷ ${grouped(speed)} evaluated tokens/s`;
  return [`  saved      about ${duration(seconds)} of prefill (${how})`];
}

function costs(records: readonly RequestRecord[]): string[] {
  if (records.length === 0) return [];
  return ["  costliest", ...records.map((record) => `    ${describe(record)}`)];
}

function describe(record: RequestRecord): string {
  const { time, session, agent, prompt_tokens, evaluated_tokens, first_token_ms } = record;
  const who = [clockTime(time), session?.slice(0, 4), agent].filter(Boolean).join(" ");
  const evaluated = evaluated_tokens !== undefined ? `${grouped(evaluated_tokens)} evaluated of ` : "";
  const prompt = prompt_tokens !== undefined ? `${evaluated}${grouped(prompt_tokens)} tokens` : undefined;
  const first =
    first_token_ms !== undefined ? `first token ${formatSeconds(first_token_ms / 1000)}` : undefined;
  return [who, prompt, first].filter(Boolean).join(", ");
}

function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
