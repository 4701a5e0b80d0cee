import { constants } from "node:os";

/** The user gave up; `code` is the shell's exit code for the signal. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly code: number;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.code = 128 + constants.signals[signal];
  }
}

/** Keeps the first signal that would end the process, so that a server which we have started can be stopped first. */
export class Interruption {
  #signal: NodeJS.Signals | undefined;

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#keep);
  }

  /** Throws `Interrupted` after a signal. */
  check(): void {
    if (this.#signal) throw new Interrupted(this.#signal);
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#keep);
  }

  // --- internal ---

  #keep = (signal: NodeJS.Signals): void => {
    this.#signal ??= signal;
  };
}

// --- internal ---

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
