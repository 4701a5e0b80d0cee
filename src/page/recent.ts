import { failureOf } from "../format/failure.ts";
import { grouped, percent } from "../format/numbers.ts";
import { byId, html } from "./dom.ts";
import type { Finished } from "./state.ts";
import { waterfallOf } from "./times.ts";
import { clock, ending, isFailed, milliseconds, sender, shortSession } from "./words.ts";

/** Rows at first, and with each press of the button below. */
const ROWS = { first: 20, more: 100 };

/** Which requests the table shows. */
export type Filter = { readonly session: string } | "failed" | undefined;

export interface RecentListener {
  /** The row under the pointer; `undefined` for none. */
  pointed(id: number | undefined): void;
}

/** The table of the last requests, newest first; unknown values stay empty. */
export class Recent {
  readonly #body = byId<HTMLElement>("recent");
  readonly #clear = byId<HTMLButtonElement>("clear-filter");
  readonly #more = byId<HTMLButtonElement>("more");
  readonly #rows = new Map<number, { readonly record: Finished; readonly row: HTMLElement }>();
  #records: readonly Finished[] = [];
  #filter: Filter;
  #limit = ROWS.first;
  #longest = 0;
  #pointed: number | undefined;

  constructor(listener: RecentListener) {
    this.#clear.addEventListener("click", () => this.filter(undefined));
    this.#more.addEventListener("click", () => {
      this.#limit += ROWS.more;
      this.show(this.#records);
    });
    this.#body.addEventListener("pointerover", (event) => listener.pointed(idOf(event.target)));
    this.#body.addEventListener("pointerleave", () => listener.pointed(undefined));
    this.#body.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("button[data-session]");
      if (button) this.filter({ session: button.dataset.session! });
    });
  }

  /** Shows other requests. */
  filter(filter: Filter): void {
    this.#filter = filter;
    this.#limit = ROWS.first;
    this.#clear.hidden = filter === undefined;
    this.#clear.textContent = `${filter === "failed" ? "failures" : `session ${shortSession(filter?.session)}`} ✕`;
    this.#clear.setAttribute("aria-label", "show all requests");
    this.show(this.#records);
  }

  /** Makes rows for new records only. */
  show(records: readonly Finished[]): void {
    this.#records = records;
    const matching = records.filter((record) => matches(record, this.#filter));
    const shown = matching.slice(-this.#limit).toReversed();
    this.#scaleTo(shown);
    const rows = shown.map((record) => this.#row(record));
    this.#replace(rows);
    this.#more.hidden = matching.length <= shown.length;
    this.#more.textContent = `${grouped(matching.length - shown.length)} older`;
    const none = byId<HTMLElement>("none");
    none.hidden = rows.length > 0;
    none.textContent = this.#filter ? "No such request." : "None has ended yet.";
  }

  /** Marks the row of a request. */
  point(id: number | undefined): void {
    this.#rows.get(this.#pointed ?? Number.NaN)?.row.classList.remove("pointed");
    this.#pointed = id;
    this.#rows.get(id ?? Number.NaN)?.row.classList.add("pointed");
  }

  // --- internal ---

  /** All rows have one scale, so that a request of 99 s does not look like one of 0.1 s. */
  #scaleTo(shown: readonly Finished[]): void {
    const longest = Math.max(1, ...shown.map(({ total_ms }) => total_ms));
    if (longest !== this.#longest) this.#rows.clear();
    this.#longest = longest;
  }

  #row(record: Finished): HTMLElement {
    const known = this.#rows.get(record.id);
    if (known?.record === record) return known.row;
    const row = rowOf(record, this.#longest);
    this.#rows.set(record.id, { record, row });
    return row;
  }

  /** Moves no row that is in its place, so that the focus and the pointer stay where they are. */
  #replace(rows: readonly HTMLElement[]): void {
    const kept = new Set(rows);
    for (const old of [...this.#body.children]) if (!kept.has(old as HTMLElement)) old.remove();
    for (const [index, row] of rows.entries())
      if (this.#body.children[index] !== row)
        this.#body.insertBefore(row, this.#body.children[index] ?? null);
    const ids = new Set(rows.map((row) => Number(row.dataset.request)));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
  }
}

// --- internal ---

function matches(record: Finished, filter: Filter): boolean {
  if (filter === undefined) return true;
  if (filter === "failed") return failureOf(record) !== undefined;
  return (record.session ?? "") === filter.session;
}

function idOf(target: EventTarget | null): number | undefined {
  const row = (target as Element | null)?.closest<HTMLElement>("tr[data-request]");
  return row ? Number(row.dataset.request) : undefined;
}

function rowOf(record: Finished, longest: number): HTMLElement {
  const { prompt_tokens: prompt, cached_tokens: cached } = record;
  const share = cached !== undefined && prompt ? percent(cached / prompt) : undefined;
  const state = [isFailed(record) && "failed", record.earlier && "earlier"].filter(Boolean).join(" ");
  return html(
    "tr",
    { class: state || undefined, "data-request": record.id },
    html("td", {}, clock(record.time)),
    html("td", { class: "status", title: record.cause?.text }, ending(record)),
    html("td", { class: "number" }, share),
    number(record.evaluated_tokens ?? record.abandoned_tokens),
    html("td", { class: "time" }, waterfallOf(record, longest)),
    html("td", { class: "number" }, milliseconds(record.total_ms)),
    html("td", {}, session(record.session)),
    html("td", {}, sender(record)),
    number(prompt, "wide"),
    number(cached, "wide"),
    html("td", { class: "number wide" }, time(record.first_token_ms)),
    number(record.evaluated_tokens_per_second, "wide"),
    number(record.output_tokens, "wide"),
    html("td", { class: "model wide" }, record.model),
  );
}

function session(id: string | undefined): HTMLElement {
  const title = "show this session only";
  return html("button", { type: "button", "data-session": id ?? "", title }, shortSession(id));
}

function number(count: number | undefined, more = ""): HTMLElement {
  return html("td", { class: `number ${more}`.trim() }, count === undefined ? undefined : grouped(count));
}

function time(value: number | undefined): string | undefined {
  return value === undefined ? undefined : milliseconds(value);
}
