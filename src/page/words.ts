import { failureOf, failureWords } from "../format/failure.ts";
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

/** Times of an axis, from left to right: hours and minutes, with seconds where two would be the same; equal ones are shown once. */
export function tickTexts(times: readonly string[]): readonly string[] {
  const minutes = times.map((time) => MINUTE.format(new Date(time)));
  const texts = new Set(minutes).size === minutes.length ? minutes : times.map(clock);
  return texts.map((text, index) => (text === texts[index - 1] ? "" : text));
}

export function shortSession(session: string | undefined): string {
  return session ? session.slice(0, 8) : "no session";
}

/** Who sent it: `main`, `subagent` or `side request`; the endpoint for other clients. */
export function sender({ agent, endpoint }: Item): string {
  return agent === "side" ? "side request" : (agent ?? endpoint);
}

/** How it ended and, in two words, why known tokens were evaluated again, or the state of a running request. */
export function ending(item: Item): string {
  if (!("outcome" in item)) return item.state;
  return failureWords(item) || causeName(item.cause?.id) || String(item.status ?? "");
}

/** `slot taken` for `slot_taken`. */
export function causeName(id: string | undefined): string {
  return id?.replaceAll("_", " ") ?? "";
}

/** A client that left has not failed. */
export function isFailed(item: Item): boolean {
  if (!("outcome" in item)) return false;
  const failure = failureOf(item);
  return failure !== undefined && failure !== "left";
}

/** The parts of a finished request's time, in order; those that the answer does not show are 0. */
export function phasesOf(record: RequestRecord): Phases {
  const { total_ms, added_ms = 0, queued_ms = 0, answering_ms = 0 } = record;
  const prefill = Math.max(0, total_ms - added_ms - queued_ms - answering_ms);
  return { queued: queued_ms, prefill, answering: answering_ms };
}

export interface Phases {
  readonly queued: number;
  readonly prefill: number;
  readonly answering: number;
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
    ["evaluated for nobody", tokens(record.abandoned_tokens)],
    ["output", tokens(record.output_tokens)],
    ["queued", time(record.queued_ms)],
    ["first token", time(record.first_token_ms)],
    ["answering", time(record.answering_ms)],
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

function runningFacts({ progress, model, state, output_tokens }: Running): readonly Fact[] {
  return known([
    ["so far", tokens(progress?.done_tokens)],
    ["of about", tokens(progress?.total_tokens_estimate)],
    ["cached", tokens(progress?.cached_tokens)],
    ["evaluated/s", speed(progress?.evaluated_tokens_per_second)],
    ["output", tokens(output_tokens)],
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
