import type { PrefillingSlot } from "../upstream/slots.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { PromptSizes } from "./prompt-size.ts";
import type { RequestRecord, RunningRequest } from "./record.ts";
import type { Listener } from "./recorder.ts";
import type { Progress } from "./running.ts";

export interface ProgressSettings {
  readonly upstream: Upstream;
  readonly sizes: PromptSizes;
  /** Whether anybody is looking: without a terminal or an open page nothing is asked. */
  readonly wanted: () => boolean;
  readonly progressed: (request: RunningRequest, progress: Progress) => void;
  /** How long a request waits before the upstream is asked. */
  readonly patienceMs: number;
  /** The upstream is asked at most this often, and never twice at once: it answers between two batches. */
  readonly intervalMs: number;
}

/** A waiting request, and its slot as it was first seen. */
interface Waiting {
  readonly request: RunningRequest;
  readonly since: number;
  first?: { readonly at: number; readonly slot: PrefillingSlot };
}

/** Asks the upstream how far it is with the requests that wait for it; gives up for good where the upstream does not tell. */
export class ProgressPoll implements Listener {
  readonly #settings: ProgressSettings;
  readonly #waiting = new Map<number, Waiting>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #asking: AbortController | undefined;
  #givenUp = false;

  constructor(settings: ProgressSettings) {
    this.#settings = settings;
  }

  sent(request: RunningRequest): void {
    if (this.#givenUp) return;
    this.#waiting.set(request.id, { request, since: performance.now() });
    this.#timer ??= setInterval(() => void this.#ask(), this.#settings.intervalMs);
  }

  answering(request: RunningRequest): void {
    this.#drop(request.id);
  }

  ended(record: RequestRecord): void {
    this.#drop(record.id);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#asking?.abort();
    this.#waiting.clear();
  }

  // --- internal ---

  /** The timer stays until it finds nothing to do: most requests are answered before it rings. */
  #drop(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#asking?.abort();
  }

  async #ask(): Promise<void> {
    if (this.#waiting.size === 0) return this.close();
    const { upstream, patienceMs, wanted } = this.#settings;
    const latest = performance.now() - patienceMs;
    if (this.#asking || ![...this.#waiting.values()].some(({ since }) => since <= latest) || !wanted())
      return;
    this.#asking = new AbortController();
    try {
      const slots = await upstream.slots(this.#asking.signal);
      if (slots) this.#note(slots);
      else this.#giveUp();
    } catch {
      // Not reachable, or no longer of interest; the waiting request tells the user soon enough.
    } finally {
      this.#asking = undefined;
    }
  }

  #giveUp(): void {
    this.#givenUp = true;
    this.close();
  }

  /**
   * No slot says whose request it works on. Slots take tasks in the order of their arrival, so the n-th oldest task is taken
   * to be the n-th oldest request; with more tasks than requests, others use the server too, and nothing is shown.
   */
  #note(slots: readonly PrefillingSlot[]): void {
    const oldestFirst = slots.toSorted((a, b) => a.task - b.task);
    if (oldestFirst.length > this.#waiting.size) return;
    for (const waiting of this.#waiting.values()) {
      const slot = oldestFirst.shift();
      if (!slot) return;
      this.#settings.progressed(waiting.request, this.#measure(waiting, slot));
    }
  }

  #measure(waiting: Waiting, slot: PrefillingSlot): Progress {
    const at = performance.now();
    if (waiting.first?.slot.task !== slot.task) waiting.first = { at, slot };
    const seconds = (at - waiting.first!.at) / 1000;
    const speed = (slot.evaluated - waiting.first!.slot.evaluated) / seconds;
    return progress(slot, this.#settings.sizes.guess(waiting.request), speed > 0 ? speed : undefined);
  }
}

/** Leaves the estimates out where the prompt has turned out longer than guessed. */
export function progress(
  slot: PrefillingSlot,
  guess: number | undefined,
  speed: number | undefined,
): Progress {
  const done = slot.cached + slot.evaluated;
  const total = guess !== undefined && guess > done ? guess : undefined;
  return {
    done_tokens: done,
    cached_tokens: slot.cached,
    ...(total !== undefined && { total_tokens_estimate: total }),
    ...(speed !== undefined && { evaluated_tokens_per_second: Math.round(speed) }),
    ...(total !== undefined && speed && { seconds_left_estimate: Math.round((total - done) / speed) }),
  };
}
