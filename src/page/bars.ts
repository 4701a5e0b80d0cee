import { svg } from "./dom.ts";
import type { Bar, Layout } from "./layout.ts";
import { isFailed } from "./words.ts";

/** Height of a lane including the space around its bars. */
export const LANE_HEIGHT = 36;
const LANE_TOP = 4;
const LANE_BOTTOM = 10;
/** Small parts stay visible. */
const LEAST_HEIGHT = 1.5;
/** Between two parts of a bar, so that they differ without color too. */
const SEAM = 1;
/** Height of a bar without tokens: nothing is known yet, or the client left before. */
const STUB = 7;

/** Bars of one look. */
type Look =
  | "cached"
  | "evaluated"
  | "unknown"
  | "ahead"
  | "left"
  | "earlier"
  | "failure"
  | "subagent"
  | "side";

/**
 * All bars as one path per look: a few elements, however many requests there are, so that drawing them all again for each change stays
 * cheap.
 */
export function drawBars(layout: Layout): SVGElement[] {
  const paths = new Map<Look, string[]>();
  const collect = collecting(paths);
  for (const bar of layout.bars) drawBar(bar, layout, collect);
  return [...paths].map(([look, parts]) => svg("path", { class: look, d: parts.join("") }));
}

/** The y of the line on which a lane's bars are. */
export function baseline(lane: number): number {
  return (lane + 1) * LANE_HEIGHT - LANE_BOTTOM;
}

/** Without the space to the next bar. */
export function barWidth({ step }: Layout): number {
  return step - (step > 6 ? 2 : 1);
}

// --- internal ---

type Collect = (look: Look, path: string) => void;

function collecting(paths: Map<Look, string[]>): Collect {
  return (look, path) => {
    const known = paths.get(look);
    if (known) known.push(path);
    else paths.set(look, [path]);
  };
}

function drawBar(bar: Bar, layout: Layout, collect: Collect): void {
  const { item, lane, x, parts } = bar;
  const [width, base] = [barWidth(layout), baseline(lane)];
  const scale = (LANE_HEIGHT - LANE_TOP - LANE_BOTTOM) / layout.lanes[lane]!.most;
  let top = base;
  for (const { kind, tokens } of parts) {
    const height = Math.max(LEAST_HEIGHT, tokens * scale);
    const seam = top < base && height > 2 * SEAM ? SEAM : 0;
    const look = "earlier" in item && kind !== "left" ? "earlier" : kind;
    collect(look, rectangle(x, top - height, width, height - seam, isHollow(look)));
    top -= height;
  }
  if (parts.length === 0 && !isFailed(item)) {
    const look = "outcome" in item ? "left" : "ahead";
    collect(look, rectangle(x, base - STUB, width, STUB, true));
  }
  drawMarker(bar, width, base, collect);
}

/** Below the base line: who sent the request, and whether it failed. */
function drawMarker({ item, x }: Bar, width: number, base: number, collect: Collect): void {
  if (isFailed(item)) collect("failure", rectangle(x, base - STUB, width, STUB + 5, false));
  else if (item.agent === "subagent") collect("subagent", rectangle(x, base + 3, width, 3, false));
  else if (item.agent === "side") collect("side", circle(x + width / 2, base + 4.5, Math.min(2, width / 2)));
}

function isHollow(look: Look): boolean {
  return look === "ahead" || look === "left" || look === "unknown";
}

/** A hollow one is smaller by half of its line's width on each side. */
function rectangle(x: number, y: number, width: number, height: number, hollow: boolean): string {
  const inset = hollow ? 0.5 : 0;
  const [w, h] = [Math.max(1, width - 2 * inset), Math.max(0.5, height - 2 * inset)];
  return `M${round(x + inset)} ${round(y + inset)}h${round(w)}v${round(h)}h${round(-w)}z`;
}

function circle(x: number, y: number, radius: number): string {
  const arc = `a${radius} ${radius} 0 1 0 `;
  return `M${round(x - radius)} ${round(y)}${arc}${radius * 2} 0${arc}${-radius * 2} 0z`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
