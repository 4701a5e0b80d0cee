import { duration, grouped, roughly } from "../format/numbers.ts";
import type { Running } from "../report/running.ts";
import { byId, html } from "./dom.ts";
import { sender, shortSession } from "./words.ts";

/** Shows the running requests with their clocks and progress. `now` is in milliseconds since 1970. */
export function showNow(running: readonly Running[], now: number): void {
  byId("now").replaceChildren(
    ...(running.length > 0 ? running.map((request) => row(request, running, now)) : [idle()]),
  );
}

/** `waiting 8 s, after 4770aaaa`, `prefill 12 300 / about 18 000 tokens · …`, `answering 42 s, 310 tokens`. */
export function whatNow(request: Running, running: readonly Running[], now: number): string {
  const { state, progress, time, answering_since = time, output_tokens } = request;
  if (state === "answering") {
    const output = output_tokens === undefined ? "" : `, ${grouped(output_tokens)} tokens`;
    return `answering ${since(answering_since, now)}${output}`;
  }
  return progress
    ? prefill(progress, since(time, now))
    : `waiting ${since(time, now)}${after(request, running)}`;
}

// --- internal ---

function idle(): HTMLElement {
  return html("li", { class: "idle" }, "Nothing is running.");
}

function row(request: Running, running: readonly Running[], now: number): HTMLElement {
  return html(
    "li",
    { class: request.state },
    html("strong", {}, shortSession(request.session)),
    html("span", {}, sender(request)),
    html("span", { class: "what" }, whatNow(request, running, now)),
    meter(request),
  );
}

function prefill(progress: NonNullable<Running["progress"]>, waited: string): string {
  const { done_tokens, total_tokens_estimate: total, evaluated_tokens_per_second: speed } = progress;
  const parts = [
    `prefill ${grouped(done_tokens)}${total === undefined ? "" : ` / about ${grouped(roughly(total))}`} tokens`,
    speed === undefined ? undefined : `${grouped(speed)} tokens/s`,
    left(progress.seconds_left_estimate) ?? `for ${waited}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

function after({ after: id }: Running, running: readonly Running[]): string {
  const blocker = id === undefined ? undefined : running.find((other) => other.id === id);
  return blocker?.session === undefined ? "" : `, after ${shortSession(blocker.session)}`;
}

function since(time: string, now: number): string {
  return duration(Math.max(0, Math.round((now - Date.parse(time)) / 1000)));
}

function left(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : `about ${duration(Math.round(seconds))} left`;
}

/** Has no value where the total is unknown. */
function meter({ state, progress }: Running): HTMLElement | undefined {
  if (state === "answering" || !progress) return undefined;
  const { done_tokens, total_tokens_estimate: total } = progress;
  if (total === undefined) return html("progress", { "aria-label": "prefill" });
  return html("progress", { "aria-label": "prefill", value: done_tokens, max: total });
}
