import type { Listener } from "./listener.ts";
import type { RequestRecord, RunningRequest } from "./record.ts";

/** How far a prefill has come. */
export interface Progress {
  /** Cached and evaluated tokens so far. */
  readonly done_tokens: number;
  readonly cached_tokens: number;
  /** An estimate, see prompt-size.ts. */
  readonly total_tokens_estimate?: number;
  readonly evaluated_tokens_per_second?: number;
  readonly seconds_left_estimate?: number;
}

/** A running request as stats.json and the page show it. */
export interface Running extends RunningRequest {
  readonly state: "waiting" | "answering";
  /** Of the prefill, where the upstream reports it. */
  readonly progress?: Progress;
  /** When the answer began, ISO 8601 in UTC. */
  readonly answering_since?: string;
  /** Of the answer so far. */
  readonly output_tokens?: number;
  /** The id of the request that has the slot for which this one seems to wait. */
  readonly after?: number;
}

/** The inference requests that the upstream has not answered yet, oldest first. */
export class RunningRequests implements Listener {
  readonly #requests = new Map<number, Running>();
  /** Of the server; `undefined` is unknown. */
  slots: number | undefined;

  sent(request: RunningRequest): void {
    this.#requests.set(request.id, { ...request, state: "waiting" });
  }

  answering(request: RunningRequest): void {
    const answering_since = new Date().toISOString();
    this.#requests.set(request.id, { ...request, state: "answering", answering_since });
  }

  generated({ id }: RunningRequest, tokens: number): void {
    const running = this.#requests.get(id);
    if (running) this.#requests.set(id, { ...running, output_tokens: tokens });
  }

  ended(record: RequestRecord): void {
    this.#requests.delete(record.id);
  }

  /** Ignored for a request that is no longer waiting. */
  progressed(id: number, progress: Progress): void {
    const running = this.#requests.get(id);
    if (running?.state === "waiting") this.#requests.set(id, { ...running, progress });
  }

  /** The last progress of a request that still waits. */
  progressOf(id: number): Progress | undefined {
    return this.#requests.get(id)?.progress;
  }

  get size(): number {
    return this.#requests.size;
  }

  list(): readonly Running[] {
    const all = [...this.#requests.values()];
    const busy = all.filter(({ state, progress }) => state === "answering" || progress !== undefined);
    if (this.slots === undefined || busy.length < this.slots) return all;
    return all.map((running) => {
      const isQueued = !busy.includes(running) && busy[0]!.id < running.id;
      return isQueued ? { ...running, after: busy[0]!.id } : running;
    });
  }
}
