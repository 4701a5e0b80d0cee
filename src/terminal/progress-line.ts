import { duration, grouped, roughly } from "../format/numbers.ts";
import type { Running } from "../report/running.ts";

/**
 * `a1b2 prefill 12 300 / about 18 000 tokens, 290 tokens/s, about 20 s left · 1 more`, narrower than `columns`. Shows the oldest request that
 * has waited or answered for a while; `undefined` when there is none. `now` is in milliseconds since 1970.
 */
export function formatProgress(
  requests: readonly Running[],
  columns: number,
  now: number,
): string | undefined {
  const slow = requests.filter(
    ({ time, progress }) => progress !== undefined || now - Date.parse(time) >= SLOW_MS,
  );
  const [first] = slow.toSorted((a, b) => interest(b) - interest(a));
  if (!first) return undefined;
  const words = [first.session?.slice(0, 4), describe(first, requests, now)].filter(Boolean).join(" ");
  const more = requests.length > 1 ? ` · ${requests.length - 1} more` : "";
  // A line that reaches the edge wraps, and then it cannot be redrawn in place.
  return words.slice(0, columns - 1 - more.length) + more.slice(0, columns - 1);
}

// --- internal ---

/** Most requests are done before this; a line for them would only flicker. */
const SLOW_MS = 2_000;

/** A prefill is what people wait for. */
function interest({ state, progress }: Running): number {
  return progress !== undefined ? 2 : state === "answering" ? 1 : 0;
}

function describe(request: Running, requests: readonly Running[], now: number): string {
  const { state, progress, time } = request;
  if (state === "answering") return answering(request, now);
  if (!progress) return `waiting ${since(time, now)}${behind(request, requests)}`;
  const {
    done_tokens: done,
    total_tokens_estimate: total,
    evaluated_tokens_per_second: speed,
    seconds_left_estimate: left,
  } = progress;
  const parts = [
    `prefill ${grouped(done)}${total === undefined ? "" : ` / about ${grouped(roughly(total))}`} tokens`,
    speed === undefined ? undefined : `${grouped(speed)} tokens/s`,
    left === undefined ? undefined : `about ${duration(left)} left`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

function answering({ answering_since, output_tokens, time }: Running, now: number): string {
  const tokens = output_tokens === undefined ? "" : `, ${counted(output_tokens)}`;
  return `answering ${since(answering_since ?? time, now)}${tokens}`;
}

function behind({ after }: Running, requests: readonly Running[]): string {
  const blocker = after === undefined ? undefined : requests.find(({ id }) => id === after);
  return blocker?.session === undefined ? "" : `, after ${blocker.session.slice(0, 4)}`;
}

function since(time: string, now: number): string {
  return duration(Math.max(0, Math.round((now - Date.parse(time)) / 1000)));
}

function counted(tokens: number): string {
  return `${grouped(tokens)} ${tokens === 1 ? "token" : "tokens"}`;
}
