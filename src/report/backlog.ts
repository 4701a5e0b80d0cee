/**
 * Long enough for what was written to a socket to be on its way: in the same turn, and also with `setImmediate`, Bun 1.4.5 sends
 * only when the job is done (measured: 0.1 ms later). And long enough for the tokens of a fast model to be read together.
 */
const DELAY_MS = 10;
/** Bytes that jobs may hold on to in that time. */
const MAX_BYTES = 256 * 1024;

/** Work that no client should wait for: done in order and together a moment later, or at once when it holds much memory. */
export class Backlog {
  readonly #jobs: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;
  #failures = 0;

  /** How many jobs have thrown; none of them stops the others. */
  get failures(): number {
    return this.#failures;
  }

  /** `bytes` is how much memory the job keeps from being freed. */
  add(job: () => void, bytes = 0): void {
    this.#jobs.push(job);
    this.#bytes += bytes;
    if (this.#bytes > MAX_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** Does what is left to do now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#bytes = 0;
    for (const job of this.#jobs.splice(0)) this.contain(job);
  }

  /** Runs a part of a job that must not stop the rest of it. */
  contain(part: () => void): void {
    try {
      part();
    } catch {
      this.#failures += 1;
    }
  }
}
