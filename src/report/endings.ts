import type { ClientRequest } from "../request/request.ts";
import type { Cause } from "./cause.ts";
import type { Explainer } from "./explainer.ts";
import type { News } from "./news.ts";
import type { RequestRecord } from "./record.ts";

/** Tells the listeners of each request that has ended, with its cause. A record waits where the server is asked for what it proves. */
export class Endings {
  readonly #news: News;
  readonly #explainer: Explainer | undefined;
  readonly #waiting = new Map<
    RequestRecord,
    { readonly cause: Cause | undefined; readonly done: Promise<void> }
  >();

  constructor(news: News, explainer: Explainer | undefined) {
    this.#news = news;
    this.#explainer = explainer;
  }

  sending(id: number, client: ClientRequest, body: Uint8Array, sentAt: number): void {
    this.#explainer?.sent(id, client, body, sentAt);
  }

  ended(record: RequestRecord): void {
    const { cause, later } = this.#explainer?.explain(record) ?? {};
    if (!later) {
      this.#tell(record, cause);
      return;
    }
    const done = later.then(
      (found) => this.#settle(record, found),
      () => this.#settle(record, cause),
    );
    this.#waiting.set(record, { cause, done });
  }

  /** Resolves when no record waits. */
  async settled(): Promise<void> {
    await Promise.all([...this.#waiting.values()].map(({ done }) => done));
  }

  /** Tells of every waiting record now, with the cause as far as it is known. */
  close(): void {
    for (const [record, { cause }] of this.#waiting) this.#settle(record, cause);
  }

  // --- internal ---

  #settle(record: RequestRecord, cause: Cause | undefined): void {
    if (this.#waiting.delete(record)) this.#tell(record, cause);
  }

  #tell(record: RequestRecord, cause: Cause | undefined): void {
    const explained = cause ? { ...record, cause } : record;
    this.#news.tell((listener) => listener.ended?.(explained));
    this.#explainer?.told(explained);
  }
}
