import { type Span, type StringValue, textOf, textUpTo } from "./scan.ts";

/**
 * The bytes of parts of a string. `parts` are given as indices into the string's text, as `textOf` returns it, in ascending order;
 * no index may be within a surrogate pair.
 */
export function byteSpans(bytes: Buffer, { start }: Span, parts: readonly Span[]): Span[] {
  const walk = new Walk(bytes, start + 1);
  return parts.map((part) => ({ start: walk.to(part.start), end: walk.to(part.end) }));
}

/**
 * How the text of a string begins: white space in front and at least 128 UTF-16 units after it, or all of a shorter text. A long text is
 * not decoded as a whole. Throws `Unscannable` if the escapes or the UTF-8 of what is decoded are invalid.
 */
export function beginningOf(bytes: Buffer, value: StringValue): string {
  const { start, end } = value;
  if (end - start > 2 * BEGINNING) {
    const [beginning] = byteSpans(bytes, value, [{ start: 0, end: 2 * BEGINNING }]);
    const words = textUpTo(bytes, { start, end: Math.min(beginning!.end, end - 1) });
    if (words.trimStart().length >= BEGINNING) return words;
  }
  return textOf(bytes, value);
}

// --- internal ---

const BEGINNING = 128;

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
