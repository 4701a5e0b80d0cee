import type { PageEvents, Snapshot } from "../page/events.ts";

/** Middleboxes and browsers drop a silent connection. */
const PING_MS = 15_000;
/** A page with more events waiting is disconnected; it reconnects and starts with a snapshot. */
const MAX_BEHIND = 256;
/** Changes within this time are sent once: nobody sees more. */
const SOON_MS = 40;
/** More pages than this look at one proxy only by mistake. */
const MAX_PAGES = 32;

type Page = ReadableStreamDefaultController<string>;

/** Sends what happens to every open page, as server-sent events. A slow page delays nobody and holds bounded memory. */
export class LiveFeed {
  readonly #pages = new Set<Page>();
  readonly #soon = new Map<keyof PageEvents, ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setInterval> | undefined;

  get isWatched(): boolean {
    return this.#pages.size > 0;
  }

  /** The event stream for one page, starting with the snapshot; status 503 when too many pages are open. */
  connect(snapshot: Snapshot): Response {
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

  send<Name extends keyof PageEvents>(name: Name, data: PageEvents[Name]): void {
    if (this.#pages.size > 0) this.#sendAll(format(name, data));
  }

  /** Sends what `read` returns after a moment; further calls until then have no effect. */
  sendSoon<Name extends keyof PageEvents>(name: Name, read: () => PageEvents[Name]): void {
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
    for (const page of this.#pages) this.#end(page);
  }

  // --- internal ---

  #open(page: Page, snapshot: Snapshot): void {
    this.#pages.add(page);
    this.#timer ??= setInterval(() => this.#sendAll(": \n\n"), PING_MS);
    page.enqueue(format("snapshot", snapshot));
  }

  #sendAll(text: string): void {
    for (const page of this.#pages) {
      if ((page.desiredSize ?? 0) > 0) page.enqueue(text);
      else this.#end(page);
    }
  }

  #end(page: Page): void {
    this.#drop(page);
    page.close();
  }

  #drop(page: Page): void {
    this.#pages.delete(page);
    if (this.#pages.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function format<Name extends keyof PageEvents>(name: Name, data: PageEvents[Name]): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
