import { grouped } from "../format/numbers.ts";
import type { TotalsView } from "../report/stats.ts";
import type { CauseCost } from "../report/waste.ts";
import { byId, html } from "./dom.ts";
import { causeName } from "./words.ts";

/** Shows what was evaluated although it was known, by cause, most costly first; the section is hidden while there is nothing to show. */
export function showWaste({ waste }: Pick<TotalsView, "waste">): void {
  byId<HTMLElement>("waste-section").hidden = waste.length === 0;
  byId("waste").replaceChildren(...waste.map(row));
}

// --- internal ---

function row({ id, requests, tokens }: CauseCost): HTMLElement {
  return html(
    "tr",
    {},
    html("td", {}, causeName(id)),
    html("td", { class: "number" }, grouped(tokens)),
    html("td", { class: "number" }, grouped(requests)),
  );
}
