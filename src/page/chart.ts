import { svg } from "./dom.ts";
import type { Point, Trend } from "./trend.ts";

/** How a chart is drawn. */
export interface ChartStyle {
  /** Top of the scale. */
  readonly most: number;
  /** Values that get a horizontal line and a label. */
  readonly marks: readonly { readonly value: number; readonly label: string }[];
}

const HEIGHT = 120;
const PADDING = { top: 10, right: 8, bottom: 8, left: 54 };
const DOT = 2;

/** Draws the points and their line into an SVG element, at its current width. */
export function drawChart(element: SVGSVGElement, trend: Trend, style: ChartStyle): void {
  const width = element.clientWidth;
  element.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  element.replaceChildren(...(trend.points.length > 0 ? shapes(trend, style, width) : [nothing()]));
}

/** Rounds up to 1, 2 or 5 times a power of ten; at least 1. */
export function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((round) => round >= value)!;
}

// --- internal ---

function shapes({ points, line }: Trend, { most, marks }: ChartStyle, width: number): SVGElement[] {
  const right = width - PADDING.right;
  const x = (at: number): number => PADDING.left + at * (right - PADDING.left);
  const y = (value: number): number =>
    HEIGHT - PADDING.bottom - (value / most) * (HEIGHT - PADDING.top - PADDING.bottom);
  const place = (point: Point): string => `${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`;
  return [
    ...marks.flatMap(({ value, label }) => [
      svg("line", { class: "mark", x1: PADDING.left, x2: right, y1: y(value), y2: y(value) }),
      svg("text", { class: "mark-label", x: PADDING.left - 8, y: y(value) + 4, "text-anchor": "end" }, label),
    ]),
    ...points.map((point) => svg("circle", { class: "dot", cx: x(point.x), cy: y(point.y), r: DOT })),
    svg("path", { class: "trend", d: line.length > 1 ? `M${line.map(place).join("L")}` : undefined }),
  ];
}

function nothing(): SVGElement {
  return svg("text", { class: "nothing", x: 0, y: HEIGHT / 2 }, "Nothing measured yet.");
}
