import { failureWords } from "../format/failure.ts";
import { duration, grouped, percent } from "../format/numbers.ts";
import { byId } from "./dom.ts";
import type { Finished, PageState } from "./state.ts";
import { clock, isFailed } from "./words.ts";

/** Shows the large figures; an unknown one is a dash, as all are before the first request has ended. */
export function showFigures({ totals, records, running }: PageState): void {
  if (!totals) return;
  const { requests, prompt_tokens, evaluated_tokens, cached_share, saved_seconds_estimate } = totals;
  const speed = totals.evaluated_tokens_per_second;
  set("share", cached_share === undefined ? "–" : percent(cached_share));
  set("share-note", shareNote(totals, running.length));
  set("evaluated", cached_share === undefined ? "–" : grouped(evaluated_tokens));
  set("evaluated-note", prompt_tokens === 0 ? "" : `of ${counted(prompt_tokens, "prompt token")}`);
  set("saved", saved_seconds_estimate === undefined ? "–" : duration(saved_seconds_estimate));
  set("saved-note", speed === undefined ? "" : `estimate: cached ÷ ${grouped(speed)} tokens/s`);
  set("requests", requests === 0 ? "–" : grouped(requests));
  set("requests-note", running.length === 0 ? "" : `${grouped(running.length)} running`);
  showFailures(totals, records);
}

/** The page's title, with a sign when something needs a look. */
export function titleOf({ totals, server }: PageState, isConnected: boolean): string {
  const share = totals?.cached_share;
  const words = share === undefined ? "cache-proxy" : `${percent(share)} cached · cache-proxy`;
  return isConnected && server?.state !== "lost" ? words : `⚠ ${words}`;
}

// --- internal ---

type Totals = NonNullable<PageState["totals"]>;

function set(id: string, text: string): void {
  byId(id).textContent = text;
}

/** Cold starts apart, the share shows whether the cache works: nothing of a first prompt can be cached. */
function shareNote(totals: Totals, running: number): string {
  const { requests, cached_share, cached_tokens, warm_share, cold_starts } = totals;
  if (warm_share !== undefined) {
    const cold = cold_starts === 0 ? "" : ` · ${counted(cold_starts, "cold start")}`;
    return `warm turns ${percent(warm_share)}${cold}`;
  }
  if (cached_share !== undefined) return `${counted(cached_tokens, "token")} not evaluated again`;
  if (requests > 0) return "the upstream does not report cached tokens";
  return running > 0 ? "the first request is running" : "no requests yet";
}

function showFailures({ failures }: Totals, records: readonly Finished[]): void {
  const failed = failures.filter(({ kind }) => kind !== "left").reduce((sum, { count }) => sum + count, 0);
  const left = failures.find(({ kind }) => kind === "left")?.count ?? 0;
  const last = records.findLast((record) => isFailed(record) && !record.earlier);
  set("failed", failed === 0 ? "none" : grouped(failed));
  set("failed-note", last ? `${failureWords(last)}, ${clock(last.time)}` : "");
  set("left-note", left === 0 ? "" : `${grouped(left)} ${left === 1 ? "client" : "clients"} left`);
  const card = byId<HTMLButtonElement>("failures");
  card.disabled = failed + left === 0;
  card.classList.toggle("failed", failed > 0);
}

function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
