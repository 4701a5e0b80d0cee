/** The part of `process.stderr` that an `Output` needs. */
export interface OutputStream {
  write(text: string, done?: () => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = "\r\x1b[2K";

/**
 * The only writer on stderr: lines that stay and, below them on a terminal, at most one status line that is redrawn in place. Everything
 * goes through one object because a second writer would write over the status line.
 */
export class Output {
  readonly #stream: OutputStream;
  #status: string | undefined;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** The width of the terminal at this moment. */
  get columns(): number {
    return this.#stream.columns || DEFAULT_COLUMNS;
  }

  /** https://no-color.org */
  get hasColor(): boolean {
    return this.isTerminal && !process.env.NO_COLOR;
  }

  /** Writes text that stays, one line or several. */
  line(text: string): void {
    this.#write(`${this.#status === undefined ? "" : CLEAR_LINE}${text}\n${this.#drawn()}`);
  }

  /** Replaces the status line, or removes it. It must be narrower than the terminal; nothing is shown where there is no terminal. */
  status(text: string | undefined): void {
    if (!this.isTerminal || text === this.#status) return;
    this.#status = text;
    this.#write(text === undefined ? CLEAR_LINE : this.#drawn());
  }

  /** To be called after Ctrl-C: the terminal has written `^C`, and what follows starts on a new line. */
  interrupted(): void {
    if (this.isTerminal && this.#status === undefined) this.#write("\n");
  }

  /** Resolves when everything has left the process, also when nobody reads it any more. */
  flush(): Promise<void> {
    return new Promise((resolve) => void this.#stream.write("", () => resolve()));
  }

  // --- internal ---

  #write(text: string): void {
    this.#stream.write(text);
  }

  /** Leaves the cursor at the start of the line, so that whatever else writes to the terminal starts there too. */
  #drawn(): string {
    return this.#status === undefined ? "" : `${CLEAR_LINE}${this.#status}\r`;
  }
}
