const ERASE_LINE = "\x1b[2K";

/** Lines that stay, and below them at most one that is redrawn in place and goes away. */
export class Terminal {
  readonly #write: (text: string) => void;
  #status: string | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  line(text: string): void {
    this.#write(`${this.#status === undefined ? "" : ERASE_LINE}${text}\n${this.#drawn()}`);
  }

  /** The cursor stays at the line's beginning, so that others' words to the terminal begin there too. */
  status(text: string | undefined): void {
    if (text === this.#status) return;
    this.#status = text;
    this.#write(text === undefined ? ERASE_LINE : this.#drawn());
  }

  // --- internal ---

  #drawn(): string {
    return this.#status === undefined ? "" : `${ERASE_LINE}${this.#status}\r`;
  }
}
