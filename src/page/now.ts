import { duration, grouped, roughly } from "../format/numbers.ts";
import type { Running } from "../report/running.ts";
import { byId, html } from "./dom.ts";
import { sender, shortSession } from "./words.ts";

/** Shows the running requests with their progress, where the upstream reports it. `now` is in milliseconds since 1970. */
export function showNow(running: readonly Running[], now: number): void {
  byId("now").replaceChildren(
    ...(running.length > 0 ? running.map((request) => row(request, now)) : [idle()]),
  );
}

// --- internal ---

function idle(): HTMLElement {
  return html("li", { class: "idle" }, "Nothing is running.");
}

function row(request: Running, now: number): HTMLElement {
  return html(
    "li",
    { class: request.state },
    html("strong", {}, shortSession(request.session)),
    html("span", {}, sender(request)),
    html("span", { class: "what" }, what(request, now)),
    meter(request),
  );
}

function what({ state, progress, time }: Running, now: number): string {
  if (state === "answering") return "answering";
  const waited = duration(Math.max(0, Math.round((now - Date.parse(time)) / 1000)));
  if (!progress) return `waiting for ${waited}`;
  const { done_tokens, total_tokens_estimate: total, evaluated_tokens_per_second: speed } = progress;
  const parts = [
    `prefill ${grouped(done_tokens)}${total === undefined ? "" : ` / about ${grouped(roughly(total))}`} tokens`,
    speed === undefined ? undefined : `${grouped(speed)} tokens/s`,
    left(progress.seconds_left_estimate) ?? `for ${waited}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

function left(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : `about ${duration(Math.round(seconds))} left`;
}

/** Has no value where the total is unknown. */
function meter({ state, progress }: Running): HTMLElement | undefined {
  if (state === "answering") return undefined;
  const { done_tokens, total_tokens_estimate: total } = progress ?? {};
  if (total === undefined) return html("progress", { "aria-label": "prefill" });
  return html("progress", { "aria-label": "prefill", value: done_tokens, max: total });
}
