import type { Recorded } from "./recording.ts";
import type { Measured } from "./replay.ts";
import type { Step } from "./steps.ts";
import { type Cell, table } from "./table.ts";

/** A request of a story, and its role in its conversation. */
export interface RecordedStep {
  readonly story: string;
  readonly step: Step;
  readonly request: Recorded;
}

/** The same requests sent to a server directly (raw; empty if that was not measured) and through the proxy. */
export interface Comparison {
  readonly title: string;
  readonly recorded: readonly RecordedStep[];
  readonly raw: readonly Measured[];
  readonly proxied: readonly Measured[];
}

/** One line per request: tokens cached and evaluated, raw and proxied. */
export function requestTable({ title, recorded, raw, proxied }: Comparison): string {
  const rows = recorded.map(({ story, step }, at) => [
    story,
    step.kind,
    ...cellsOf(raw[at]),
    ...cellsOf(proxied[at]),
  ]);
  const head = [title, "", "raw:", "cached", "evaluated", "proxied:", "cached", "evaluated"];
  return `\n${table(head, rows)}\n`;
}

/** One line per comparison: its sums, and how many tokens of its first prompt a project's second session evaluates. */
export function summaryTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ title, recorded, raw, proxied }) => {
    const second = recorded.findLastIndex(({ step }) => step.kind === "first");
    return [title, ...sumsOf(raw), raw[second]?.evaluated, ...sumsOf(proxied), proxied[second]?.evaluated];
  });
  const sums = ["cached", "evaluated", "new session"];
  return `\n${table(["All requests of all stories", "raw:", ...sums, "proxied:", ...sums], rows)}\n`;
}

// --- internal ---

/** Shows the status only if it is not 200. Empty where nothing was measured. */
function cellsOf(measured: Measured | undefined): Cell[] {
  if (!measured) return ["", undefined, undefined];
  const status = measured.status === 200 ? "" : `HTTP ${measured.status}`;
  return [status, measured.cached, measured.evaluated];
}

function sumsOf(all: readonly Measured[]): Cell[] {
  if (all.length === 0) return ["", undefined, undefined];
  const failed = all.filter(({ status }) => status !== 200).length;
  if (failed === all.length) return ["all failed", undefined, undefined];
  const [cached, evaluated] = (["cached", "evaluated"] as const).map((key) =>
    sum(all.map((one) => one[key])),
  );
  return [failed > 0 ? `${failed} failed` : "", cached, evaluated];
}

function sum(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
