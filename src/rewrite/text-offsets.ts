import type { Span } from "./scan.ts";

/**
 * The bytes of parts of a string. `parts` are given as indices into the string's text, as `textOf` returns it, in ascending order;
 * no index may be within a surrogate pair.
 */
export function byteSpans(bytes: Buffer, { start }: Span, parts: readonly Span[]): Span[] {
  const walk = new Walk(bytes, start + 1);
  return parts.map((part) => ({ start: walk.to(part.start), end: walk.to(part.end) }));
}

// --- internal ---

const BACKSLASH = 0x5c;
const LOWER_CASE_U = 0x75;

/** A walk along a valid JSON string, one character after the other. */
class Walk {
  readonly #bytes: Buffer;
  #at: number;
  #index = 0;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Goes on to an index of the text, and returns its byte. */
  to(index: number): number {
    while (this.#index < index) this.#step();
    return this.#at;
  }

  // --- internal ---

  #step(): void {
    const byte = this.#bytes[this.#at]!;
    // A character beyond U+FFFF has four bytes in UTF-8 and two units in UTF-16.
    this.#index += byte >= 0xf0 ? 2 : 1;
    if (byte === BACKSLASH) this.#at += this.#bytes[this.#at + 1] === LOWER_CASE_U ? 6 : 2;
    else this.#at += byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  }
}
