import { failureOf, failureWords } from "../format/failure.ts";
import { duration } from "../format/numbers.ts";
import type { RequestRecord } from "../report/record.ts";

/** Repeats are written at the latest after this time, so that a log that is followed goes on. */
const WRITTEN_AFTER_MS = 60_000;

/** Folds failures that follow each other in the same way: a client that tries again would else fill the screen. */
export class Repeats {
  #first: RequestRecord | undefined;
  #count = 0;
  #last: RequestRecord | undefined;

  /** Counts a record that repeats the one before; `false` for every other record, which needs a row of its own. */
  add(record: RequestRecord): boolean {
    if (!this.#first || !isRepeat(this.#first, record)) return false;
    this.#count += 1;
    this.#last = record;
    return true;
  }

  /** The record that the next ones may repeat. To be called after `take`. */
  start(record: RequestRecord): void {
    this.#first = failureOf(record) === undefined ? undefined : record;
  }

  /** Whether they should be written now, although they may go on. */
  get isDue(): boolean {
    return this.#count > 0 && this.#span() >= WRITTEN_AFTER_MS;
  }

  /** `unreachable × 6 in 17 s`, the first one included; `undefined` without a repeat. Then counts from the start. */
  take(): string | undefined {
    const words = this.words;
    if (words !== undefined) this.#first = this.#last;
    this.#count = 0;
    return words;
  }

  /** The same, and goes on counting. */
  get words(): string | undefined {
    if (!this.#first || this.#count === 0) return undefined;
    return `${failureWords(this.#first)} × ${this.#count + 1} in ${duration(Math.round(this.#span() / 1000))}`;
  }

  // --- internal ---

  #span(): number {
    return Date.parse(this.#last!.time) + this.#last!.total_ms - Date.parse(this.#first!.time);
  }
}

// --- internal ---

/** A client that left is no failure that repeats: each one has its own reason and cost. */
function isRepeat(before: RequestRecord, after: RequestRecord): boolean {
  const kind = failureOf(after);
  return (
    kind !== undefined &&
    kind !== "left" &&
    failureWords(before) === failureWords(after) &&
    before.session === after.session &&
    before.agent_id === after.agent_id
  );
}
