import { grouped, percent } from "../format/numbers.ts";
import { barWidth, baseline, drawBars, LANE_HEIGHT } from "./bars.ts";
import { Details } from "./details.ts";
import { byId, html, svg } from "./dom.ts";
import { type Bar, barAt, type Item, type Layout, layOut, neighbour } from "./layout.ts";
import { sentence, shortSession, tickTexts } from "./words.ts";

const AXIS = 24;
/** Sessions that are shown unless the user wants all. */
const SESSIONS = 8;
/** Narrow bars can be pointed at from this far, pixels. */
const REACH = 6;

const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" } as const;

export interface TimelineListener {
  /** The bar under the pointer or chosen with the keys; `undefined` for none. */
  pointed(id: number | undefined): void;
  /** The label of a session was pressed. */
  session(session: string): void;
}

/** One lane per session, one bar per request, and the details of the bar under the pointer or chosen with the arrow keys. */
export class Timeline {
  readonly #scroller = byId<HTMLElement>("scroller");
  readonly #labels = byId<HTMLElement>("lane-labels");
  readonly #picture = byId<SVGSVGElement>("lanes");
  readonly #option = byId<HTMLElement>("chosen");
  readonly #older = byId<HTMLButtonElement>("older");
  readonly #details = new Details(byId<HTMLElement>("details"));
  readonly #mark = svg("rect", { class: "chosen", y: 0, height: LANE_HEIGHT - 2, rx: 2 });
  readonly #listener: TimelineListener;
  #items: readonly Item[] = [];
  #layout: Layout | undefined;
  #chosen: number | undefined;
  #showsAll = false;
  /** Whether the newest request is to stay in sight. */
  #follows = true;

  constructor(listener: TimelineListener) {
    this.#listener = listener;
    this.#scroller.addEventListener("keydown", (event) => this.#onKey(event));
    this.#scroller.addEventListener("blur", () => this.#choose(undefined));
    this.#scroller.addEventListener("scroll", () => this.#onScroll());
    this.#picture.addEventListener("pointermove", (event) => this.#onPointer(event));
    this.#picture.addEventListener("pointerdown", (event) => this.#onPointer(event));
    this.#picture.addEventListener("pointerleave", () => this.#choose(undefined));
    this.#older.addEventListener("click", () => {
      this.#showsAll = !this.#showsAll;
      this.show(this.#items);
    });
  }

  /** Redraws everything. The scroll position stays, or follows the newest request if that was visible. */
  show(items: readonly Item[]): void {
    this.#items = items;
    const layout = layOut(
      items,
      this.#scroller.clientWidth,
      this.#showsAll ? Number.POSITIVE_INFINITY : SESSIONS,
    );
    this.#layout = layout;
    this.#showLabels(layout);
    this.#draw(layout);
    if (this.#follows) this.#scroller.scrollLeft = this.#scroller.scrollWidth;
    this.#dimLabels();
    if (this.#chosen !== undefined) this.#choose(this.#chosen);
  }

  hideDetails(): void {
    this.#details.hide();
  }

  /** Marks the bar of a request without its details. */
  point(id: number | undefined): void {
    const bar = this.#layout?.bars.find(({ item }) => item.id === id);
    this.#markBar(bar);
  }

  // --- internal ---

  /** Labels are made again only where they change: the pointer or the focus may be on one. */
  #showLabels(layout: Layout): void {
    for (const [index, lane] of layout.lanes.entries()) {
      const text = JSON.stringify(lane);
      const old = this.#labels.children[index] as HTMLElement | undefined;
      if (old?.dataset.lane === text) continue;
      const label = this.#label(layout, index);
      label.dataset.lane = text;
      if (old) old.replaceWith(label);
      else this.#labels.append(label);
    }
    while (this.#labels.children.length > layout.lanes.length) this.#labels.lastElementChild!.remove();
    this.#older.hidden = layout.older === 0 && !this.#showsAll;
    this.#older.textContent = this.#showsAll
      ? `Show the last ${SESSIONS} sessions`
      : `${grouped(layout.older)} older`;
  }

  #label(layout: Layout, index: number): HTMLElement {
    const { session, requests, share, most } = layout.lanes[index]!;
    const words = `${requests} request${requests === 1 ? "" : "s"}, tallest bar ${grouped(most)} tokens`;
    const label = html(
      "button",
      { type: "button", class: "lane-label", title: `${session}: ${words}` },
      html("strong", {}, shortSession(session)),
      html("span", { class: "count" }, String(requests)),
      html("span", {}, share === undefined ? "" : percent(share)),
    );
    label.addEventListener("click", () => this.#listener.session(session));
    return label;
  }

  #draw(layout: Layout): void {
    const height = layout.lanes.length * LANE_HEIGHT + AXIS;
    this.#picture.setAttribute("width", String(layout.width));
    this.#picture.setAttribute("height", String(height));
    const ticks = tickTexts(layout.ticks.map(({ time }) => time));
    this.#picture.replaceChildren(
      this.#mark,
      ...layout.lanes.map((_, index) => {
        const y = baseline(index) + 0.5;
        return svg("line", { class: "base", x1: 0, x2: layout.width, y1: y, y2: y });
      }),
      ...[...layout.gaps, ...layout.restarts].map((x) => {
        return svg("line", { class: "gap", x1: x, x2: x, y1: 0, y2: height - AXIS });
      }),
      ...layout.restarts.map((x) => {
        return svg("text", { class: "restarted", x, y: 10, "text-anchor": "middle" }, "restarted");
      }),
      ...drawBars(layout),
      ...layout.ticks.map(({ x }, index) => svg("text", { class: "tick", x, y: height - 8 }, ticks[index])),
    );
  }

  #onScroll(): void {
    const { scrollLeft, clientWidth, scrollWidth } = this.#scroller;
    this.#follows = scrollLeft + clientWidth >= scrollWidth - 2;
    this.#details.hide();
    this.#dimLabels();
  }

  /** Dims the labels of lanes without a visible bar. */
  #dimLabels(): void {
    if (!this.#layout) return;
    const { scrollLeft, clientWidth } = this.#scroller;
    const inSight = this.#layout.bars.filter(({ x }) => x >= scrollLeft && x < scrollLeft + clientWidth);
    const lanes = new Set(inSight.map(({ lane }) => lane));
    for (const [index, label] of [...this.#labels.children].entries())
      label.classList.toggle("away", !lanes.has(index));
  }

  #onPointer({ clientX, clientY }: PointerEvent): void {
    if (!this.#layout) return;
    const { left, top } = this.#picture.getBoundingClientRect();
    const bar = barAt(this.#layout, Math.floor((clientY - top) / LANE_HEIGHT), clientX - left, REACH);
    if (bar?.item.id !== this.#chosen) this.#choose(bar?.item.id);
  }

  #onKey(event: KeyboardEvent): void {
    const next = this.#target(event.key);
    if (next === undefined && event.key !== "Escape") return;
    event.preventDefault();
    if (next) this.#reveal(next);
    this.#choose(next?.item.id);
  }

  #target(key: string): Bar | undefined {
    if (!this.#layout) return undefined;
    if (key === "Home") return this.#layout.bars[0];
    if (key === "End") return this.#layout.bars.at(-1);
    const direction = KEYS[key as keyof typeof KEYS];
    return direction && neighbour(this.#layout, this.#chosen ?? Number.NaN, direction);
  }

  #reveal({ x }: Bar): void {
    const { scrollLeft, clientWidth } = this.#scroller;
    const isInSight = x >= scrollLeft && x + this.#layout!.step <= scrollLeft + clientWidth;
    if (!isInSight) this.#scroller.scrollLeft = x - clientWidth / 2;
    this.#scroller.scrollIntoView({ block: "nearest" });
  }

  /** Shows a bar to the eye and, as the active descendant of the list, to assistive technology. */
  #choose(id: number | undefined): void {
    const bar = this.#layout?.bars.find(({ item }) => item.id === id);
    this.#chosen = bar && id;
    this.#markBar(bar);
    this.#listener.pointed(this.#chosen);
    this.#option.hidden = !bar;
    if (!bar) {
      this.#scroller.removeAttribute("aria-activedescendant");
      this.#details.hide();
      return;
    }
    this.#option.textContent = sentence(bar.item);
    this.#option.dataset.request = String(id);
    this.#option.setAttribute("aria-posinset", String(this.#layout!.bars.indexOf(bar) + 1));
    this.#option.setAttribute("aria-setsize", String(this.#layout!.bars.length));
    this.#scroller.setAttribute("aria-activedescendant", this.#option.id);
    this.#details.show(bar.item, this.#mark.getBoundingClientRect());
  }

  #markBar(bar: Bar | undefined): void {
    this.#mark.toggleAttribute("hidden", !bar);
    if (!bar) return;
    this.#mark.setAttribute("x", String(bar.x - 1));
    this.#mark.setAttribute("y", String(bar.lane * LANE_HEIGHT + 1));
    this.#mark.setAttribute("width", String(barWidth(this.#layout!) + 2));
  }
}
