import { formatSeconds } from "./log.ts";
import { clockTime, duration, grouped, percent } from "./numbers.ts";
import type { RequestRecord } from "./record.ts";
import type { Listener } from "./recorder.ts";
import { cachedShare, prefillSpeed, secondsSaved, type Totals } from "./totals.ts";

const COSTLIEST = 5;

/** The requests of the run with the most evaluated tokens, costliest first. */
export class CostliestRequests implements Listener {
  #records: RequestRecord[] = [];

  ended(record: RequestRecord): void {
    if (record.evaluated_tokens === undefined && record.first_token_ms === undefined) return;
    this.#records = [...this.#records, record].toSorted((a, b) => cost(b) - cost(a)).slice(0, COSTLIEST);
  }

  list(): readonly RequestRecord[] {
    return this.#records;
  }
}

/** What the run was like, for people; empty when there was no inference request. Ends without a line break. */
export function formatSummary(totals: Totals, costliest: readonly RequestRecord[]): string {
  if (totals.inferences === 0) return "";
  const requests = counted(totals.inferences, "request");
  if (totals.prompt_tokens === 0)
    return `${requests}, none of which was answered with a count of its prompt tokens`;
  const head = `${requests}, ${grouped(totals.prompt_tokens)} prompt tokens`;
  return [head, ...figures(totals), ...costs(costliest)].join("\n");
}

// --- internal ---

/** Without evaluated tokens, as with a server that does not report them, by the wait for the first token. */
function cost({ evaluated_tokens, first_token_ms }: RequestRecord): number {
  return (evaluated_tokens ?? 0) * 1e9 + (first_token_ms ?? 0);
}

function figures(totals: Totals): string[] {
  const share = cachedShare(totals);
  if (share === undefined) return ["  the upstream reported no cached tokens"];
  const lines = [
    `  cached     ${grouped(totals.cached_tokens)} tokens (${percent(share)})`,
    `  evaluated  ${grouped(totals.evaluated_tokens)} tokens`,
  ];
  return [...lines, ...saved(totals)];
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
