import type { RequestRecord } from "./record.ts";
import type { Running } from "./running.ts";
import type { Stats, TotalsView } from "./stats.ts";

/** What an open page is told, by the name of the event. */
export interface LiveEvents {
  /** On connecting: everything there is. */
  snapshot: Stats;
  /** A request has ended. */
  request: { readonly record: RequestRecord; readonly totals: TotalsView };
  /** The requests that are with the upstream, whenever one of them has changed. */
  running: readonly Running[];
}

/** Middleboxes and browsers drop a connection on which nothing is said. */
const PING_MS = 15_000;
/** A page that has fallen behind by more events is let go; it reconnects and begins with a snapshot. */
const MAX_BEHIND = 256;
/** What changes several times in this time is sent once: the eye sees no more, and a request has other things to wait for. */
const SOON_MS = 40;
/** More pages than this look at one proxy only by mistake. */
const MAX_PAGES = 32;

type Page = ReadableStreamDefaultController<string>;

/** Sends what happens to every open page, as server-sent events. A slow page delays nobody and holds bounded memory. */
export class LiveFeed {
  readonly #pages = new Set<Page>();
  readonly #soon = new Map<keyof LiveEvents, ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setInterval> | undefined;

  get isWatched(): boolean {
    return this.#pages.size > 0;
  }

  connect(snapshot: Stats): Response {
    if (this.#pages.size >= MAX_PAGES) return new Response("too many open pages\n", { status: 503 });
    let page: Page;
    const stream = new ReadableStream<string>(
      {
        start: (controller) => {
          page = controller;
          this.#open(page, snapshot);
        },
        cancel: () => this.#drop(page),
      },
      { highWaterMark: MAX_BEHIND },
    );
    return new Response(stream, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  }

  send<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]): void {
    if (this.#pages.size > 0) this.#sendAll(format(name, data));
  }

  /** Sends, after a moment, what `read` gives then; further calls until that moment are the same one. */
  sendSoon<Name extends keyof LiveEvents>(name: Name, read: () => LiveEvents[Name]): void {
    if (this.#pages.size === 0 || this.#soon.has(name)) return;
    const timer = setTimeout(() => {
      this.#soon.delete(name);
      this.send(name, read());
    }, SOON_MS);
    this.#soon.set(name, timer);
  }

  /** Ends all connections, so that a server can stop. */
  close(): void {
    for (const timer of this.#soon.values()) clearTimeout(timer);
    this.#soon.clear();
    for (const page of this.#pages) {
      this.#drop(page);
      page.close();
    }
  }

  // --- internal ---

  #open(page: Page, snapshot: Stats): void {
    this.#pages.add(page);
    this.#timer ??= setInterval(() => this.#sendAll(": \n\n"), PING_MS);
    page.enqueue(format("snapshot", snapshot));
  }

  #sendAll(text: string): void {
    for (const page of this.#pages) {
      if ((page.desiredSize ?? 0) > 0) {
        page.enqueue(text);
      } else {
        this.#drop(page);
        page.close();
      }
    }
  }

  #drop(page: Page): void {
    this.#pages.delete(page);
    if (this.#pages.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function format<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
