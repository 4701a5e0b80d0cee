import { foreignError } from "../format/foreign.ts";

/** The failures of a run as `/cache-proxy/stats.json` shows them. */
export interface FailuresView {
  readonly count: number;
  /** Name, code and message of the last error, one line; left out before the first failure. */
  readonly last?: string;
}

/** Counts the errors inside cache-proxy that no client sees, and keeps a description of the last one. */
export class Failures {
  readonly #onFailure: (description: string) => void;
  #count = 0;
  #last: string | undefined;

  /** `onFailure` receives the description of every failure. */
  constructor(onFailure: (description: string) => void = () => {}) {
    this.#onFailure = onFailure;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns the description: one line, safe to print. */
  note(error: unknown): string {
    this.#count += 1;
    this.#last = foreignError(error);
    this.#onFailure(this.#last);
    return this.#last;
  }

  /** Runs `part`; whatever it throws is noted and goes no further. */
  contain(part: () => void): void {
    try {
      part();
    } catch (error) {
      this.note(error);
    }
  }

  view(): FailuresView {
    return { count: this.#count, ...(this.#last !== undefined && { last: this.#last }) };
  }
}
