import type { Failures } from "./failures.ts";

/**
 * Long enough for bytes written to a socket to leave first: Bun 1.4.5 sends them only when the current job is done, also with
 * `setImmediate` (measured: 0.1 ms later). Also long enough to read several tokens of a fast model together.
 */
const DELAY_MS = 10;
/** Memory that waiting jobs may keep from being freed. */
const MAX_BYTES = 256 * 1024;

/** Work that no client should wait for: runs in order, all of it a moment later, or at once when it holds too much memory. */
export class Backlog {
  readonly #failures: Failures;
  readonly #jobs: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;

  /** A job that throws is noted in `failures` and stops no other job. */
  constructor(failures: Failures) {
    this.#failures = failures;
  }

  /** `bytes` is how much memory the job keeps from being freed. */
  add(job: () => void, bytes = 0): void {
    this.#jobs.push(job);
    this.#bytes += bytes;
    if (this.#bytes > MAX_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** Runs all waiting jobs now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#bytes = 0;
    for (const job of this.#jobs.splice(0)) this.#failures.contain(job);
  }
}
