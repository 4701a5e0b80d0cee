import { duration, grouped, percent } from "../format/numbers.ts";
import type { TotalsView } from "../report/stats.ts";
import { byId } from "./dom.ts";

/** Shows the large figures at the top; an unknown one is a dash. */
export function showFigures(totals: TotalsView): void {
  const { requests, prompt_tokens, evaluated_tokens, cached_share, saved_seconds_estimate } = totals;
  set("share", cached_share === undefined ? "–" : percent(cached_share));
  set("share-note", shareNote(totals));
  set("evaluated", cached_share === undefined ? "–" : grouped(evaluated_tokens));
  set("evaluated-note", `of ${grouped(prompt_tokens)} prompt tokens`);
  set("saved", saved_seconds_estimate === undefined ? "–" : duration(saved_seconds_estimate));
  set("saved-note", saved_seconds_estimate === undefined ? "" : "estimate: cached ÷ speed");
  set(
    "speed",
    totals.evaluated_tokens_per_second === undefined ? "–" : grouped(totals.evaluated_tokens_per_second),
  );
  set("requests", grouped(requests));
  set("requests-note", failedNote(totals));
  document.title =
    cached_share === undefined ? "cache-proxy" : `${percent(cached_share)} cached · cache-proxy`;
}

// --- internal ---

function set(id: string, text: string): void {
  byId(id).textContent = text;
}

function shareNote({ requests, cached_share, cached_tokens }: TotalsView): string {
  if (cached_share !== undefined) return `${grouped(cached_tokens)} tokens not evaluated again`;
  return requests > 0 ? "the upstream does not report cached tokens" : "no requests yet";
}

function failedNote({ requests, requests_by_end }: TotalsView): string {
  const good = requests_by_end.filter(({ endpoint, outcome, status }) => {
    return endpoint !== "other" && outcome === "complete" && (status ?? 500) < 400;
  });
  const others = requests - good.reduce((sum, { count }) => sum + count, 0);
  if (requests === 0) return "";
  return others === 0 ? "all complete" : `${grouped(others)} not complete`;
}
