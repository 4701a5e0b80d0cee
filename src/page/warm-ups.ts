import { grouped } from "../format/numbers.ts";
import type { WarmUpRecord } from "../warm/totals.ts";
import { byId, html } from "./dom.ts";
import { clock, milliseconds, shortSession } from "./words.ts";

const ROWS = 5;

/** Shows the last warm-ups, newest first; the section is hidden before the first. */
export function showWarmUps(last: readonly WarmUpRecord[]): void {
  byId<HTMLElement>("warm-ups-section").hidden = last.length === 0;
  byId("warm-ups").replaceChildren(...last.slice(-ROWS).toReversed().map(row));
}

// --- internal ---

const OCCASIONS: Readonly<Record<WarmUpRecord["reason"], string>> = {
  turn: "after a turn",
  restart: "after a restart of the server",
  start: "start of a new session",
};

function row({ time, reason, session, evaluated_tokens, ms, outcome }: WarmUpRecord): HTMLElement {
  return html(
    "tr",
    { class: outcome === "failed" ? "failed" : undefined },
    html("td", {}, clock(time)),
    html("td", {}, session === undefined ? undefined : shortSession(session)),
    html("td", {}, OCCASIONS[reason]),
    html("td", { class: "number" }, evaluated_tokens === undefined ? undefined : grouped(evaluated_tokens)),
    html("td", { class: "number" }, ms === undefined ? undefined : milliseconds(ms)),
    html("td", {}, outcome ?? "in progress"),
  );
}
