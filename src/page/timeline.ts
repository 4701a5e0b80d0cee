import { grouped, percent } from "../format/numbers.ts";
import { Details } from "./details.ts";
import { byId, html, svg } from "./dom.ts";
import { type Bar, type Item, type Layout, layOut, neighbour, type Part } from "./layout.ts";
import { isFailed, minute, sentence, shortSession } from "./words.ts";

/** Height of a lane including the space around its bars; lower when there are many lanes. */
const LANE = { tall: 84, low: 60, many: 6 };
const LANE_TOP = 8;
const LANE_BOTTOM = 12;
const AXIS = 24;
/** Small parts stay visible. */
const LEAST_HEIGHT = 1.5;
const FAILED_HEIGHT = 7;

const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" } as const;

/** One lane per session, one bar per request, and the details of the bar under the pointer or chosen with the arrow keys. */
export class Timeline {
  readonly #scroller = byId<HTMLElement>("scroller");
  readonly #labels = byId<HTMLElement>("lane-labels");
  readonly #picture = byId<SVGSVGElement>("lanes");
  readonly #details = new Details(byId<HTMLElement>("details"));
  #layout: Layout | undefined;
  #chosen: number | undefined;

  constructor() {
    this.#scroller.addEventListener("keydown", (event) => this.#onKey(event));
    this.#scroller.addEventListener("blur", () => this.#choose(undefined));
    this.#scroller.addEventListener("scroll", () => this.#onScroll());
    this.#picture.addEventListener("pointermove", (event) => this.#onPointer(event));
    this.#picture.addEventListener("pointerdown", (event) => this.#onPointer(event));
    this.#picture.addEventListener("pointerleave", () => this.#choose(undefined));
  }

  /** Redraws everything. The scroll position stays, or follows the newest request if that was visible. */
  show(items: readonly Item[]): void {
    const { scrollLeft, clientWidth, scrollWidth } = this.#scroller;
    const isAtEnd = scrollLeft + clientWidth >= scrollWidth - 2;
    const layout = layOut(items, clientWidth);
    this.#layout = layout;
    this.#labels.replaceChildren(...layout.lanes.map((_, index) => this.#label(layout, index)));
    this.#draw(layout);
    byId("most").textContent = grouped(layout.most);
    this.#dimLabels();
    if (isAtEnd) this.#scroller.scrollLeft = this.#scroller.scrollWidth;
    this.#choose(this.#chosen);
  }

  // --- internal ---

  #label(layout: Layout, index: number): HTMLElement {
    const { session, requests, share } = layout.lanes[index]!;
    const label = html(
      "div",
      { class: "lane-label", title: session || undefined },
      html("strong", {}, shortSession(session)),
      html("span", {}, `${requests} request${requests === 1 ? "" : "s"}`),
      share === undefined ? undefined : html("span", {}, percent(share), html("i", {}, " cached")),
    );
    label.style.height = `${laneHeight(layout)}px`;
    return label;
  }

  #draw(layout: Layout): void {
    const height = layout.lanes.length * laneHeight(layout) + AXIS;
    this.#picture.setAttribute("width", String(layout.width));
    this.#picture.setAttribute("height", String(height));
    this.#picture.replaceChildren(
      ...layout.lanes.map((_, index) => {
        const y = baseline(layout, index) + 0.5;
        return svg("line", { class: "base", x1: 0, x2: layout.width, y1: y, y2: y });
      }),
      ...layout.gaps.map((x) => svg("line", { class: "gap", x1: x, x2: x, y1: 0, y2: height - AXIS })),
      ...layout.bars.map((bar) => drawBar(bar, layout)),
      ...layout.ticks.map(({ x, time }) => svg("text", { class: "tick", x, y: height - 8 }, minute(time))),
    );
  }

  #onScroll(): void {
    this.#details.hide();
    this.#dimLabels();
  }

  /** Dims the labels of lanes without a visible bar. */
  #dimLabels(): void {
    const { scrollLeft, clientWidth } = this.#scroller;
    const inSight = this.#layout!.bars.filter(({ x }) => x >= scrollLeft && x < scrollLeft + clientWidth);
    const lanes = new Set(inSight.map(({ lane }) => lane));
    for (const [index, label] of [...this.#labels.children].entries())
      label.classList.toggle("away", !lanes.has(index));
  }

  #onPointer(event: PointerEvent): void {
    const bar = (event.target as Element).closest<SVGGElement>("[role=option]");
    this.#choose(bar ? Number(bar.dataset.request) : undefined);
  }

  #onKey(event: KeyboardEvent): void {
    const next = this.#target(event.key);
    if (next === undefined && event.key !== "Escape") return;
    event.preventDefault();
    this.#choose(next?.item.id);
    if (next) this.#reveal(next);
  }

  #target(key: string): Bar | undefined {
    if (!this.#layout) return undefined;
    if (key === "Home") return this.#layout.bars[0];
    if (key === "End") return this.#layout.bars.at(-1);
    const direction = KEYS[key as keyof typeof KEYS];
    return direction && neighbour(this.#layout, this.#chosen ?? -1, direction);
  }

  #reveal({ x }: Bar): void {
    const { scrollLeft, clientWidth } = this.#scroller;
    const isInSight = x >= scrollLeft && x + this.#layout!.step <= scrollLeft + clientWidth;
    if (!isInSight) this.#scroller.scrollLeft = x - clientWidth / 2;
  }

  /** Marks the chosen bar for the eye and, as the active descendant of the list, for assistive technology. */
  #choose(id: number | undefined): void {
    this.#chosen = id;
    for (const chosen of this.#picture.querySelectorAll("[aria-selected]"))
      chosen.removeAttribute("aria-selected");
    const element = document.getElementById(`request-${id}`);
    const bar = this.#layout?.bars.find(({ item }) => item.id === id);
    if (!element || !bar) {
      this.#scroller.removeAttribute("aria-activedescendant");
      this.#details.hide();
      return;
    }
    element.setAttribute("aria-selected", "true");
    this.#scroller.setAttribute("aria-activedescendant", element.id);
    this.#details.show(bar.item, element.getBoundingClientRect());
  }
}

function laneHeight({ lanes }: Layout): number {
  return lanes.length > LANE.many ? LANE.low : LANE.tall;
}

function baseline(layout: Layout, lane: number): number {
  return (lane + 1) * laneHeight(layout) - LANE_BOTTOM;
}

function drawBar(bar: Bar, layout: Layout): SVGGElement {
  const { item, lane, x, parts } = bar;
  const [width, room] = [layout.step - (layout.step > 6 ? 2 : 1), laneHeight(layout)];
  const group = svg(
    "g",
    {
      id: `request-${item.id}`,
      "data-request": item.id,
      class: ["bar", item.agent, "state" in item && "running", isFailed(item) && "failed"]
        .filter(Boolean)
        .join(" "),
      role: "option",
      "aria-label": sentence(item),
      transform: `translate(${x} ${baseline(layout, lane)})`,
    },
    // Catches the pointer above a short bar, too.
    svg("rect", { class: "room", x: 0, y: LANE_BOTTOM - room, width: layout.step, height: room }),
    ...stack(parts, width, (room - LANE_TOP - LANE_BOTTOM) / layout.most),
    marker(item, width),
  );
  return group;
}

function stack(parts: readonly Part[], width: number, scale: number): SVGRectElement[] {
  let top = 0;
  return parts.map(({ kind, tokens }) => {
    const height = Math.max(LEAST_HEIGHT, tokens * scale);
    top -= height;
    return svg("rect", { class: kind, x: 0, y: top, width, height });
  });
}

/** Below the base line: who sent the request, and whether it failed. */
function marker(item: Item, width: number): SVGElement | undefined {
  if (isFailed(item)) return svg("rect", { class: "failure", x: 0, y: 3, width, height: FAILED_HEIGHT });
  if (item.agent === "subagent") return svg("rect", { class: "marker", x: 0, y: 4, width, height: 3 });
  if (item.agent === "side")
    return svg("circle", { class: "marker", cx: width / 2, cy: 5.5, r: Math.min(2, width / 2) });
  return undefined;
}
