import { duration } from "../format/numbers.ts";
import type { TotalsView } from "../report/stats.ts";
import { byId, html, svg } from "./dom.ts";
import type { Finished } from "./state.ts";
import { type Phases, phasesOf } from "./words.ts";

const NAMES = ["queued", "prefill", "answering"] as const;

/** Shows where the time of all requests went, as one bar and as sums. */
export function showTimes({ queued_seconds, prefill_seconds, answering_seconds }: TotalsView): void {
  const seconds = { queued: queued_seconds, prefill: prefill_seconds, answering: answering_seconds };
  const sum = queued_seconds + prefill_seconds + answering_seconds;
  byId("times-bar").replaceChildren(waterfall(seconds, Math.max(sum, 0.001)));
  byId("times").replaceChildren(
    ...NAMES.map((name) =>
      html(
        "li",
        { class: name },
        html("span", {}, name),
        html("strong", {}, sum === 0 ? "–" : duration(Math.round(seconds[name] * 10) / 10)),
        html("span", { class: "part" }, sum === 0 ? "" : `${Math.round((seconds[name] / sum) * 100)} %`),
      ),
    ),
  );
}

/** The parts of a request's time as a bar; `longest` is the time of a full bar, milliseconds. */
export function waterfallOf(record: Finished, longest: number): SVGElement {
  return waterfall(phasesOf(record), longest);
}

// --- internal ---

/** The widest bar in the picture's own units. */
const WIDTH = 1000;

function waterfall(phases: Phases, whole: number): SVGElement {
  let x = 0;
  const parts = NAMES.map((name) => {
    const width = (phases[name] / whole) * WIDTH;
    const part = svg("rect", { class: name, x: x.toFixed(1), y: 0, width: width.toFixed(1), height: 1 });
    x += width;
    return part;
  });
  return svg(
    "svg",
    { class: "waterfall", viewBox: `0 0 ${WIDTH} 1`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...parts,
  );
}
