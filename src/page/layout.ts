import { failureOf } from "../format/failure.ts";
import type { RequestRecord } from "../report/record.ts";
import type { Running } from "../report/running.ts";
import type { Finished } from "./state.ts";

/** A request that is shown as a bar, finished or running. */
export type Item = Finished | Running;

/**
 * One color of a bar, from bottom to top. `ahead` is the part that a running prefill has not reached yet, `left` what was evaluated for a
 * client that left.
 */
export interface Part {
  readonly kind: "cached" | "evaluated" | "unknown" | "ahead" | "left";
  readonly tokens: number;
}

export interface Bar {
  readonly item: Item;
  readonly lane: number;
  /** Left edge. */
  readonly x: number;
  readonly parts: readonly Part[];
}

export interface Lane {
  /** The session; "" for requests without one. */
  readonly session: string;
  readonly requests: number;
  /** From 0 to 1; `undefined` where no request reports cached tokens. */
  readonly share: number | undefined;
  /** Tokens of the tallest bar: each lane has its own scale. */
  readonly most: number;
}

export interface Tick {
  readonly x: number;
  readonly time: string;
}

export interface Layout {
  /** The newest session comes first. */
  readonly lanes: readonly Lane[];
  /** Sessions that are left out because others have been used since. */
  readonly older: number;
  readonly bars: readonly Bar[];
  readonly ticks: readonly Tick[];
  /** The middle of each gap that marks an idle time. */
  readonly gaps: readonly number[];
  /** The middle of the gap in which the proxy was started again. */
  readonly restarts: readonly number[];
  readonly width: number;
  /** Distance from one bar to the next. */
  readonly step: number;
}

const STEP = { least: 4, most: 18 };
/** An idle time longer than this becomes a gap. */
const IDLE_MS = 5 * 60_000;
const GAP = 14;
/** Room for the word "restarted". */
const RESTART_GAP = 64;
/** Room for a tick's text. */
const TICK_ROOM = 76;

/**
 * Places every request in its session's lane. Bars are evenly spaced in order of arrival: on a time axis a busy minute would be one line
 * and a night an empty page. `width` is the visible width; only the `limit` sessions that were used last are shown.
 */
export function layOut(all: readonly Item[], width: number, limit: number): Layout {
  const { items, older } = lastSessions(all, limit);
  const lanes = lanesOf(items);
  const order = new Map(lanes.map(({ session }, index) => [session, index]));
  const step = Math.min(STEP.most, Math.max(STEP.least, Math.floor(width / Math.max(1, items.length))));
  const xs = positions(items, step);
  const bars = items.map((item, index): Bar => {
    return { item, lane: order.get(item.session ?? "")!, x: xs[index]!, parts: partsOf(item) };
  });
  const end = (xs.at(-1) ?? 0) + step;
  return {
    lanes,
    older,
    bars,
    ticks: ticksOf(bars),
    gaps: gapsOf(xs, step, GAP),
    restarts: gapsOf(xs, step, RESTART_GAP),
    width: Math.max(width, end),
    step,
  };
}

/** The parts of a bar; empty where no tokens are known. */
export function partsOf(item: Item): readonly Part[] {
  const parts = "outcome" in item ? finishedParts(item) : runningParts(item);
  return parts.filter(({ tokens }) => tokens > 0);
}

/** The bar in a lane that is closest to `x`; `undefined` when none is closer than `reach`. */
export function barAt({ bars, step }: Layout, lane: number, x: number, reach: number): Bar | undefined {
  const distance = (bar: Bar): number => Math.max(0, bar.x - x, x - bar.x - step);
  const [closest] = bars
    .filter((bar) => bar.lane === lane && distance(bar) <= reach)
    .toSorted((a, b) => distance(a) - distance(b));
  return closest;
}

/** The bar next to a request: in its own lane, or the one in the lane above or below that is closest in order of arrival. */
export function neighbour(
  layout: Layout,
  id: number,
  key: "left" | "right" | "up" | "down",
): Bar | undefined {
  const bar = layout.bars.find(({ item }) => item.id === id);
  if (!bar) return layout.bars.at(-1);
  const lane = bar.lane + (key === "down" ? 1 : key === "up" ? -1 : 0);
  const others = layout.bars.filter((other) => other.lane === lane && other !== bar);
  if (key === "left") return others.findLast(({ x }) => x < bar.x);
  if (key === "right") return others.find(({ x }) => x > bar.x);
  return others.toSorted((a, b) => Math.abs(a.x - bar.x) - Math.abs(b.x - bar.x))[0];
}

// --- internal ---

function lastSessions(all: readonly Item[], limit: number): { items: readonly Item[]; older: number } {
  const byUse = new Set(all.toReversed().map(sessionOf));
  const shown = new Set([...byUse].slice(0, limit));
  return { items: all.filter((item) => shown.has(sessionOf(item))), older: byUse.size - shown.size };
}

function sessionOf({ session }: Item): string {
  return session ?? "";
}

function lanesOf(items: readonly Item[]): readonly Lane[] {
  return [...Map.groupBy(items, sessionOf)]
    .map(([session, own]) => ({
      session,
      requests: own.length,
      share: shareOf(own),
      most: Math.max(1, ...own.map((item) => height(partsOf(item)))),
    }))
    .reverse();
}

function shareOf(items: readonly Item[]): number | undefined {
  let [cached, evaluated] = [0, 0];
  for (const item of items) {
    if (!("outcome" in item)) continue;
    cached += item.cached_tokens ?? 0;
    evaluated += item.evaluated_tokens ?? 0;
  }
  return cached + evaluated > 0 ? cached / (cached + evaluated) : undefined;
}

function positions(items: readonly Item[], step: number): readonly number[] {
  let x = 0;
  return items.map((item, index) => {
    const before = items[index - 1];
    if (before) x += step + gapBetween(before, item);
    return x;
  });
}

function gapBetween(before: Item, after: Item): number {
  if ("earlier" in before && !("earlier" in after)) return RESTART_GAP;
  return isIdleBetween(before, after) ? GAP : 0;
}

function gapsOf(xs: readonly number[], step: number, gap: number): readonly number[] {
  return xs.slice(1).flatMap((x, index) => (x - xs[index]! === step + gap ? x - gap / 2 : []));
}

function isIdleBetween(before: Item, after: Item): boolean {
  const end = Date.parse(before.time) + ("outcome" in before ? before.total_ms : 0);
  return Date.parse(after.time) - end > IDLE_MS;
}

function finishedParts(record: RequestRecord): readonly Part[] {
  const { prompt_tokens = 0, cached_tokens, evaluated_tokens, abandoned_tokens } = record;
  if (failureOf(record) === "left")
    return [{ kind: "left", tokens: prompt_tokens || (abandoned_tokens ?? 0) }];
  if (cached_tokens === undefined || evaluated_tokens === undefined)
    return [{ kind: "unknown", tokens: prompt_tokens }];
  return [
    { kind: "cached", tokens: cached_tokens },
    { kind: "evaluated", tokens: evaluated_tokens },
  ];
}

function runningParts({ progress }: Running): readonly Part[] {
  if (!progress) return [];
  const { done_tokens, cached_tokens, total_tokens_estimate = done_tokens } = progress;
  return [
    { kind: "cached", tokens: cached_tokens },
    { kind: "evaluated", tokens: done_tokens - cached_tokens },
    { kind: "ahead", tokens: total_tokens_estimate - done_tokens },
  ];
}

function height(parts: readonly Part[]): number {
  return parts.reduce((sum, { tokens }) => sum + tokens, 0);
}

function ticksOf(bars: readonly Bar[]): readonly Tick[] {
  const ticks: Tick[] = [];
  for (const { x, item } of bars) {
    const last = ticks.at(-1);
    if (!last || x - last.x >= TICK_ROOM) ticks.push({ x, time: item.time });
  }
  return ticks;
}
