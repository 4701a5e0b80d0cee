/** Waits for a pause in the traffic, and ends the work of the pause when the next request arrives. */
export class Quiet {
  readonly #ms: number;
  readonly #work: (signal: AbortSignal) => Promise<void>;
  #running = 0;
  #timer: Timer | undefined;
  #pause: AbortController | undefined;
  #isClosed = false;

  /** Calls `work` when nothing has run for `ms`. Its signal is aborted when a request arrives; it must not reject. */
  constructor(ms: number, work: (signal: AbortSignal) => Promise<void>) {
    this.#ms = ms;
    this.#work = work;
  }

  /** Whether no request runs and no work is being done. */
  get isIdle(): boolean {
    return this.#running === 0 && this.#pause === undefined;
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** A request that may not come as far as `begin`. */
  arrived(): void {
    this.#pause?.abort();
    this.waitAgain();
  }

  begin(): void {
    this.#running += 1;
    this.#pause?.abort();
  }

  end(): void {
    this.#running -= 1;
    this.waitAgain();
  }

  /** Starts to wait for a pause, from the beginning. */
  waitAgain(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#start(), this.#ms);
    this.#timer.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#pause?.abort();
  }

  // --- internal ---

  async #start(): Promise<void> {
    if (!this.isIdle) return;
    const pause = new AbortController();
    this.#pause = pause;
    try {
      await this.#work(pause.signal);
    } finally {
      this.#pause = undefined;
    }
  }
}
