import type { PrefillingSlot } from "../upstream/slots.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Failures } from "./failures.ts";
import type { Listener } from "./listener.ts";
import type { PromptSizes } from "./prompt-size.ts";
import type { RequestRecord, RunningRequest } from "./record.ts";
import type { Progress } from "./running.ts";

export interface ProgressTimes {
  /** How long a request waits before the upstream is asked, milliseconds. */
  readonly patienceMs: number;
  /** The time between two questions, milliseconds. There is never more than one at a time: llama-server answers between two batches. */
  readonly intervalMs: number;
  /** The pause after a question without a useful answer, milliseconds; ends early when the upstream is back. */
  readonly restMs: number;
  /** The speed is that of this last time, milliseconds: a prefill gets slower as the prompt grows. */
  readonly windowMs: number;
}

export interface ProgressSettings extends Partial<ProgressTimes> {
  readonly upstream: Upstream;
  readonly sizes: PromptSizes;
  readonly failures: Failures;
  /** Whether anybody is looking: without a terminal or an open page nothing is asked. */
  readonly wanted: () => boolean;
  readonly progressed: (request: RunningRequest, progress: Progress) => void;
}

const TIMES: ProgressTimes = { patienceMs: 2_000, intervalMs: 1_000, restMs: 10_000, windowMs: 10_000 };

/** A waiting request, and its slot as it was seen lately. */
interface Waiting {
  readonly request: RunningRequest;
  readonly since: number;
  /** Oldest first; the speed is measured between the first and the last one. */
  seen: readonly { readonly at: number; readonly slot: PrefillingSlot }[];
}

/** Asks the upstream how far it is with the requests that wait for it. */
export class ProgressPoll implements Listener {
  readonly #settings: ProgressSettings & ProgressTimes;
  readonly #waiting = new Map<number, Waiting>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #asking: AbortController | undefined;
  #restUntil = 0;

  constructor(settings: ProgressSettings) {
    this.#settings = { ...TIMES, ...settings };
    settings.upstream.on("back", () => {
      this.#restUntil = 0;
    });
  }

  sent(request: RunningRequest): void {
    this.#waiting.set(request.id, { request, since: performance.now(), seen: [] });
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

  /** The timer runs until it finds nothing to do: most requests are answered before its first tick. */
  #drop(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#asking?.abort();
  }

  async #ask(): Promise<void> {
    if (this.#waiting.size === 0) return this.close();
    if (this.#asking || !this.#isDue() || !this.#settings.wanted()) return;
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const slots = await this.#settings.upstream.slots(asking.signal);
      if (slots) this.#note(slots);
      else this.#rest();
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#settings.failures.note(error);
      this.#rest();
    } finally {
      this.#asking = undefined;
    }
  }

  #isDue(): boolean {
    const now = performance.now();
    if (now < this.#restUntil) return false;
    return this.#waiting.values().some(({ since }) => now - since >= this.#settings.patienceMs);
  }

  #rest(): void {
    this.#restUntil = performance.now() + this.#settings.restMs;
  }

  /**
   * No slot says whose request it works on. Slots take tasks in order of arrival, so the n-th oldest task is assumed to be the n-th oldest
   * request. With more tasks than requests, other clients use the server too, and nothing is reported.
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
    const same = waiting.seen.filter((earlier) => earlier.slot.task === slot.task);
    // Keeps the last one before the window too: it is where the window starts.
    const recent = same.filter((_, index) => at - (same[index + 1]?.at ?? at) <= this.#settings.windowMs);
    waiting.seen = [...recent, { at, slot }];
    const first = waiting.seen[0]!;
    const speed = (slot.evaluated - first.slot.evaluated) / ((at - first.at) / 1000);
    return progress(slot, this.#settings.sizes.guess(waiting.request), speed > 0 ? speed : undefined);
  }
}

/** Leaves the estimates out where the prompt has turned out longer than the guess. */
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
