import type { OutputStream } from "../../src/terminal/output.ts";

const ESCAPE = "\x1b";
/** An escape sequence, or one character. */
const PIECES = new RegExp(`${ESCAPE}\\[[\\d;]*[A-Za-z]|[\\s\\S]`, "g");

/** A stream that shows what a terminal would show: it interprets line feeds, carriage returns and "erase the line". */
export class Screen implements OutputStream {
  readonly isTTY: boolean;
  columns: number;
  /** Every write, unchanged. */
  readonly written: string[] = [];
  #rows: string[] = [""];
  #row = 0;
  #column = 0;

  constructor({ isTTY = true, columns = 80 }: { isTTY?: boolean; columns?: number } = {}) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(text: string, done?: () => void): void {
    if (text) this.written.push(text);
    for (const [piece] of text.matchAll(PIECES)) this.#apply(piece);
    done?.();
  }

  /** What is visible, without empty lines at the end. */
  get text(): string {
    return this.#rows.join("\n").trimEnd();
  }

  // --- internal ---

  #apply(piece: string): void {
    if (piece === "\n") {
      this.#row += 1;
      this.#column = 0;
      this.#rows[this.#row] ??= "";
    } else if (piece === "\r") this.#column = 0;
    else if (piece === "\x1b[2K") this.#rows[this.#row] = "";
    else if (!piece.startsWith("\x1b[")) this.#put(piece);
  }

  #put(character: string): void {
    const row = this.#rows[this.#row]!.padEnd(this.#column);
    this.#rows[this.#row] = row.slice(0, this.#column) + character + row.slice(this.#column + 1);
    this.#column += 1;
  }
}
