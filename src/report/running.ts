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
}

/** The inference requests that the upstream has not answered yet, oldest first. */
export class RunningRequests implements Listener {
  readonly #requests = new Map<number, Running>();

  sent(request: RunningRequest): void {
    this.#requests.set(request.id, { ...request, state: "waiting" });
  }

  answering(request: RunningRequest): void {
    this.#requests.set(request.id, { ...request, state: "answering" });
  }

  ended(record: RequestRecord): void {
    this.#requests.delete(record.id);
  }

  /** Ignored for a request that is no longer waiting. */
  progressed(id: number, progress: Progress): void {
    const running = this.#requests.get(id);
    if (running?.state === "waiting") this.#requests.set(id, { ...running, progress });
  }

  get size(): number {
    return this.#requests.size;
  }

  list(): readonly Running[] {
    return [...this.#requests.values()];
  }
}
