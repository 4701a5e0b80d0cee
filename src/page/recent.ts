import { grouped, percent } from "../format/numbers.ts";
import type { RequestRecord } from "../report/record.ts";
import { byId, html } from "./dom.ts";
import { clock, ending, isFailed, milliseconds, sender, shortSession } from "./words.ts";

const ROWS = 20;

/** Shows the last requests as a table, newest first; unknown values stay empty. */
export function showRecent(records: readonly RequestRecord[]): void {
  byId("recent").replaceChildren(...records.slice(-ROWS).toReversed().map(row));
}

// --- internal ---

function row(record: RequestRecord): HTMLElement {
  const { prompt_tokens: prompt, cached_tokens: cached } = record;
  const share = cached !== undefined && prompt ? percent(cached / prompt) : undefined;
  return html(
    "tr",
    { class: isFailed(record) ? "failed" : undefined },
    html("td", {}, clock(record.time)),
    html("td", {}, shortSession(record.session)),
    html("td", {}, sender(record)),
    html("td", { class: "model" }, record.model),
    number(prompt),
    number(cached),
    number(record.evaluated_tokens),
    html("td", { class: "number" }, share),
    html("td", { class: "number" }, time(record.first_token_ms)),
    number(record.evaluated_tokens_per_second),
    number(record.output_tokens),
    html("td", { class: "number" }, time(record.total_ms)),
    html("td", {}, ending(record)),
  );
}

function number(count: number | undefined): HTMLElement {
  return html("td", { class: "number" }, count === undefined ? undefined : grouped(count));
}

function time(value: number | undefined): string | undefined {
  return value === undefined ? undefined : milliseconds(value);
}
