import { svg } from "./dom.ts";
import type { Point, Trend } from "./trend.ts";

const HEIGHT = 120;
const PADDING = { top: 10, right: 8, bottom: 8, left: 54 };
const DOT = 1.5;
/** More points than this would be a cloud: a band shows where they are. */
const MOST_DOTS = 200;
/** Width of a step of the band, pixels. */
const BAND_STEP = 8;
/** The part of the points that is left out at each end of the band: side requests and the first ones of sessions. */
const LEFT_OUT = 0.1;
const MARKS = [0, 0.5, 1];

/** Draws shares from 0 to 1 and their line into an SVG element, at its current width. */
export function drawChart(element: SVGSVGElement, trend: Trend): void {
  const width = element.clientWidth;
  element.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  element.replaceChildren(...(trend.points.length > 0 ? shapes(trend, width) : [nothing()]));
}

// --- internal ---

interface Scale {
  readonly right: number;
  readonly x: (at: number) => number;
  readonly y: (value: number) => number;
}

function shapes({ points, line }: Trend, width: number): SVGElement[] {
  const right = width - PADDING.right;
  const scale: Scale = {
    right,
    x: (at) => PADDING.left + at * (right - PADDING.left),
    y: (value) => HEIGHT - PADDING.bottom - value * (HEIGHT - PADDING.top - PADDING.bottom),
  };
  const place = ({ x, y }: Point): string => `${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}`;
  return [
    ...MARKS.flatMap((value) => mark(value, scale)),
    points.length > MOST_DOTS ? band(points, scale) : dots(points, scale),
    svg("path", { class: "trend", d: line.length > 1 ? `M${line.map(place).join("L")}` : undefined }),
  ];
}

function mark(value: number, { right, y }: Scale): SVGElement[] {
  return [
    svg("line", { class: "mark", x1: PADDING.left, x2: right, y1: y(value), y2: y(value) }),
    svg(
      "text",
      { class: "mark-label", x: PADDING.left - 8, y: y(value) + 4, "text-anchor": "end" },
      `${value * 100} %`,
    ),
  ];
}

function dots(points: readonly Point[], { x, y }: Scale): SVGElement {
  const arc = `a${DOT} ${DOT} 0 1 0 `;
  const path = points.map((point) => {
    const start = `M${(x(point.x) - DOT).toFixed(1)} ${y(point.y).toFixed(1)}`;
    return `${start}${arc}${2 * DOT} 0${arc}${-2 * DOT} 0`;
  });
  return svg("path", { class: "dots", d: path.join("") });
}

/** Where most points of each step are. */
function band(points: readonly Point[], { x, y }: Scale): SVGElement {
  const steps = Map.groupBy(points, (point) => Math.floor(x(point.x) / BAND_STEP));
  const path = [...steps].map(([step, own]) => {
    const values = own.map((point) => point.y).toSorted((a, b) => b - a);
    const out = Math.floor(values.length * LEFT_OUT);
    const [top, bottom] = [y(values[out]!) - 1, y(values.at(-1 - out)!) + 1];
    return `M${step * BAND_STEP} ${top.toFixed(1)}h${BAND_STEP}V${bottom.toFixed(1)}h${-BAND_STEP}z`;
  });
  return svg("path", { class: "band", d: path.join("") });
}

function nothing(): SVGElement {
  return svg("text", { class: "nothing", x: 0, y: HEIGHT / 2 }, "Nothing measured yet.");
}
