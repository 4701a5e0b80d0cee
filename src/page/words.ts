import { duration, grouped, percent } from "../format/numbers.ts";
import type { Cause } from "../report/cause.ts";
import type { RequestRecord } from "../report/record.ts";
import type { Running } from "../report/running.ts";
import type { Item } from "./layout.ts";

/** A fact about a request: its name and its value as text. */
export type Fact = readonly [name: string, value: string];

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function clock(time: string): string {
  return CLOCK.format(new Date(time));
}

export function minute(time: string): string {
  return MINUTE.format(new Date(time));
}

export function shortSession(session: string | undefined): string {
  return session ? session.slice(0, 8) : "no session";
}

/** Who sent it: `main`, `subagent` or `side request`; the endpoint for other clients. */
export function sender({ agent, endpoint }: Item): string {
  return agent === "side" ? "side request" : (agent ?? endpoint);
}

/** How it ended and why known tokens were evaluated again, or the state of a running request. */
export function ending(item: Item): string {
  if (!("outcome" in item)) return item.state;
  const { status, outcome, error_type, cause } = item;
  const words = {
    complete: undefined,
    unreachable: "upstream unreachable",
    broken: "connection broken",
    client_gone: "client gone",
  };
  const parts = [status, words[outcome], error_type, cause?.text.split("; ")[0]];
  return parts.filter((part) => part !== undefined).join(", ");
}

export function isFailed(item: Item): boolean {
  if (!("outcome" in item) || item.outcome === "client_gone") return false;
  return item.outcome !== "complete" || item.error_type !== undefined || (item.status ?? 0) >= 400;
}

export function milliseconds(value: number): string {
  return value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : duration(value / 1000);
}

/** Everything that is known about a request, in reading order. */
export function factsOf(item: Item): readonly Fact[] {
  return "outcome" in item ? finishedFacts(item) : runningFacts(item);
}

/** The same as one sentence, for screen readers. */
export function sentence(item: Item): string {
  const facts = factsOf(item).map(([name, value]) => `${name} ${value}`);
  return [`${clock(item.time)} ${sender(item)}, session ${shortSession(item.session)}`, ...facts].join(", ");
}

// --- internal ---

function finishedFacts(record: RequestRecord): readonly Fact[] {
  const { prompt_tokens: prompt, cached_tokens: cached } = record;
  const share = cached !== undefined && prompt ? ` (${percent(cached / prompt)})` : "";
  return known([
    ["prompt", tokens(prompt)],
    ["cached", cached === undefined ? undefined : `${tokens(cached)}${share}`],
    ["evaluated", tokens(record.evaluated_tokens)],
    ["output", tokens(record.output_tokens)],
    ["first token", time(record.first_token_ms)],
    ["evaluated/s", speed(record.evaluated_tokens_per_second)],
    ["total", time(record.total_ms)],
    ["added by proxy", time(record.added_ms)],
    ["model", record.model],
    ["status", ending(record)],
    ["cause", record.cause && causeText(record.cause)],
  ]);
}

/** `likely: tools +2: …; ENABLE_TOOL_SEARCH=false …, about 2 040 tokens, 1.2 s` */
function causeText({ certain, text, tokens: count, estimate, seconds }: Cause): string {
  const price = [`${estimate ? "about " : ""}${grouped(count)} tokens`, seconds && duration(seconds)];
  return `${certain ? "" : "likely: "}${text} (${price.filter(Boolean).join(", ")})`;
}

function runningFacts({ progress, model, state }: Running): readonly Fact[] {
  return known([
    ["so far", tokens(progress?.done_tokens)],
    ["of about", tokens(progress?.total_tokens_estimate)],
    ["cached", tokens(progress?.cached_tokens)],
    ["evaluated/s", speed(progress?.evaluated_tokens_per_second)],
    ["model", model],
    ["state", state],
  ]);
}

function known(facts: readonly (readonly [string, string | undefined])[]): readonly Fact[] {
  return facts.filter((fact): fact is Fact => fact[1] !== undefined);
}

function tokens(count: number | undefined): string | undefined {
  return count === undefined ? undefined : grouped(count);
}

function time(value: number | undefined): string | undefined {
  return value === undefined ? undefined : milliseconds(value);
}

function speed(value: number | undefined): string | undefined {
  return value === undefined ? undefined : grouped(value);
}
