import { html } from "./dom.ts";
import type { Item } from "./layout.ts";
import { clock, factsOf, isFailed, sender, shortSession } from "./words.ts";

/** Distance of the card from its bar and from the edge of the window, pixels. */
const DISTANCE = 8;

/** The card next to a bar, with everything that is known about its request. */
export class Details {
  readonly #card: HTMLElement;

  constructor(card: HTMLElement) {
    this.#card = card;
  }

  /** `anchor` is the bar's place in the window. */
  show(item: Item, anchor: DOMRect): void {
    this.#card.replaceChildren(
      html("h3", {}, clock(item.time), html("span", {}, `${sender(item)} · ${shortSession(item.session)}`)),
      html(
        "dl",
        {},
        ...factsOf(item).flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]),
      ),
    );
    this.#card.classList.toggle("failed", isFailed(item));
    this.#card.hidden = false;
    this.#place(anchor);
  }

  hide(): void {
    this.#card.hidden = true;
  }

  // --- internal ---

  /** Above the bar if there is room, otherwise below it. Its place is on the page, so that it scrolls with the bar. */
  #place(anchor: DOMRect): void {
    const { width, height } = this.#card.getBoundingClientRect();
    const rightmost = document.documentElement.clientWidth - width - DISTANCE;
    const left = anchor.left + anchor.width / 2 - width / 2;
    const above = anchor.top - height - DISTANCE;
    const top = above >= DISTANCE ? above : anchor.bottom + DISTANCE;
    this.#card.style.left = `${scrollX + Math.max(DISTANCE, Math.min(left, rightmost))}px`;
    this.#card.style.top = `${scrollY + top}px`;
  }
}
