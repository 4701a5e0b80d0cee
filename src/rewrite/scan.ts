/**
 * The structure of a JSON body as byte offsets, found in one walk that parses and allocates nothing for the parts that no shape asks for.
 *
 * @module
 */
import { atomEnd } from "./atom.ts";
import { hasBytesAt } from "./json-bytes.ts";
import { type CompiledShape, compile, type Key, type Word } from "./shape.ts";

/** Bytes `[start, end)` of the body; for a string the quotes are included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface StringValue extends Span {
  readonly kind: "string";
  /** The word of the shape that it is, however the body escapes it. */
  readonly word?: string | undefined;
}
/** A number, `true`, `false` or `null`. */
export interface AtomValue extends Span {
  readonly kind: "atom";
}
export interface ArrayValue extends Span {
  readonly kind: "array";
  /** The elements that the shape asks for: all of them, the first one, or none. */
  readonly items: readonly Value[];
}
export interface ObjectValue extends Span {
  readonly kind: "object";
  /** The members that the shape asks for and the object has. */
  readonly members: Readonly<Record<string, Value | undefined>>;
}
export type Value = StringValue | AtomValue | ArrayValue | ObjectValue;

/** A body as the passes see it: the original bytes and the places of what the shape asks for. */
export interface Document {
  readonly bytes: Buffer;
  readonly root: ObjectValue;
}

/** Why a body cannot be edited. The message contains no byte of the body. */
export class Unscannable extends Error {
  override readonly name = "Unscannable";
}

/**
 * Finds the places of what `shape` asks for. Throws `Unscannable` unless the body is one JSON object (RFC 8259), nested at most 512
 * levels deep, in which no object on the way to a place has a requested key twice. The structure is checked everywhere, the
 * inside of a string only as far as finding its end requires.
 */
export function scan(bytes: Buffer, shape: CompiledShape): Document {
  return { bytes, root: new Scanner(bytes).document(shape) };
}

/** The text of a string value. Throws `Unscannable` if its escapes or its UTF-8 are invalid. */
export function textOf(bytes: Buffer, span: Span): string {
  return decoded(bytes, span, "");
}

/** The text of a string without its end: `end` is before its closing quote, and within no character and no escape. Throws as `textOf` does. */
export function textUpTo(bytes: Buffer, span: Span): string {
  return decoded(bytes, span, '"');
}

/** The error for a string, starting at this byte, whose escapes or UTF-8 are invalid. */
export function invalidString(start: number): Unscannable {
  return new Unscannable(`invalid escapes or UTF-8 in the string at byte ${start}`);
}

/** Whether a value is `true`. */
export function isTrue(bytes: Buffer, value: Value | undefined): boolean {
  return value?.kind === "atom" && bytes[value.start] === LOWER_CASE_T;
}

/** The word of its shape that a value is; `undefined` for other strings and other kinds of values. */
export function wordOf(value: Value | undefined): string | undefined {
  return value?.kind === "string" ? value.word : undefined;
}

// --- internal ---

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoded(bytes: Buffer, { start, end }: Span, missing: string): string {
  try {
    return JSON.parse(UTF8.decode(bytes.subarray(start, end)) + missing);
  } catch {
    throw invalidString(start);
  }
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_CASE_T = 0x74;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Deeper than any client nests, and far from the end of the stack. */
const MAX_DEPTH = 512;

/** Most keys and short strings end within this many bytes. Reading these one by one is faster than a call of `indexOf`. */
const NEAR = 32;

/** The shape of the parts that no shape asks for. */
const SKIPPED = compile({});

class Scanner {
  readonly #bytes: Buffer;
  #position = 0;
  #depth = 0;
  /** Whether the string read last may contain an escape. Most contain none and need not be searched for one. */
  #mayBeEscaped = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  document(shape: CompiledShape): ObjectValue {
    if (this.#next() !== OPEN_BRACE) throw new Unscannable("not a JSON object");
    const root = this.#object(shape);
    if (this.#next() !== undefined) throw this.#expected("the end");
    return root;
  }

  /** Reads the value at the position. */
  #value(shape: CompiledShape): Value {
    const first = this.#next();
    if (first === OPEN_BRACE) return this.#object(shape);
    if (first === OPEN_BRACKET) return this.#array(shape);
    const start = this.#position;
    if (first !== QUOTE) {
      this.#atom();
      return { kind: "atom", start, end: this.#position };
    }
    this.#string();
    return { kind: "string", start, end: this.#position, word: this.#oneOf(shape.words, start)?.text };
  }

  /** Reads the value at the position without reporting anything. */
  #skip(): void {
    const first = this.#next();
    if (first === QUOTE) this.#string();
    else if (first === OPEN_BRACE) this.#members(SKIPPED, NO_MEMBERS);
    else if (first === OPEN_BRACKET) this.#elements(SKIPPED, NO_ITEMS);
    else this.#atom();
  }

  #object(shape: CompiledShape): ObjectValue {
    const start = this.#position;
    const members: Record<string, Value> = Object.create(null);
    this.#members(shape, members);
    return { kind: "object", start, end: this.#position, members };
  }

  #members(shape: CompiledShape, members: Record<string, Value>): void {
    this.#enter();
    let { keys } = shape;
    if (this.#next() === CLOSE_BRACE) this.#position++;
    else
      do {
        const key = this.#key(keys);
        if (this.#next() !== COLON) throw this.#expected("a colon");
        this.#position++;
        if (key === undefined) this.#skip();
        else if (!this.#member(key, members)) keys = [key];
      } while (this.#another(CLOSE_BRACE));
    this.#depth--;
  }

  /** Returns false if the members after it are not asked for. */
  #member({ text, shape }: Key, members: Record<string, Value>): boolean {
    if (text in members) throw new Unscannable(`duplicate key ${JSON.stringify(text)}`);
    const value = this.#value(shape);
    members[text] = value;
    return !shape.decides || wordOf(value) !== undefined;
  }

  #array(shape: CompiledShape): ArrayValue {
    const start = this.#position;
    const items: Value[] = [];
    this.#elements(shape, items);
    return { kind: "array", start, end: this.#position, items };
  }

  #elements({ first, each }: CompiledShape, items: Value[]): void {
    this.#enter();
    let shape = first;
    if (this.#next() === CLOSE_BRACKET) this.#position++;
    else
      do {
        if (shape) items.push(this.#value(shape));
        else this.#skip();
        shape = each;
      } while (this.#another(CLOSE_BRACKET));
    this.#depth--;
  }

  /** After an element: true on a comma, false on the closing byte. */
  #another(closing: number): boolean {
    const byte = this.#next();
    if (byte !== COMMA && byte !== closing) throw this.#expected("a comma or the end of an array or object");
    this.#position++;
    return byte === COMMA;
  }

  /** Reads a key and returns it if it is one of these. */
  #key(keys: readonly Key[]): Key | undefined {
    if (this.#next() !== QUOTE) throw this.#expected("a key");
    const start = this.#position;
    this.#string();
    return this.#oneOf(keys, start);
  }

  /** The word that the string read last is; `start` is its first byte. */
  #oneOf<Some extends Word>(words: readonly Some[], start: number): Some | undefined {
    const length = this.#position - start - 2;
    // Not `find`, which takes half of the time of reading a short string.
    for (const word of words) {
      if (word.bytes.length === length && hasBytesAt(this.#bytes, start + 1, word.bytes)) return word;
      if (this.#mayBeEscaped && isEscapedWord(this.#bytes, start, this.#position, word)) return word;
    }
    return undefined;
  }

  #string(): void {
    const bytes = this.#bytes;
    const near = Math.min(this.#position + 1 + NEAR, bytes.length);
    let at = this.#position + 1;
    for (; at < near; at++) {
      if (bytes[at] === BACKSLASH) break;
      if (bytes[at] !== QUOTE) continue;
      this.#mayBeEscaped = false;
      this.#position = at + 1;
      return;
    }
    this.#mayBeEscaped = true;
    this.#position = closingQuote(bytes, at) + 1;
  }

  #atom(): void {
    const end = atomEnd(this.#bytes, this.#position);
    if (end === undefined) throw this.#expected("a value");
    this.#position = end;
  }

  #enter(): void {
    if (++this.#depth > MAX_DEPTH) throw new Unscannable(`nested deeper than ${MAX_DEPTH} levels`);
    this.#position++;
  }

  /** Moves the position to the next byte that is not white space (RFC 8259, section 2), and returns it. */
  #next(): number | undefined {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[this.#position];
      if (byte !== SPACE && byte !== LINE_FEED && byte !== RETURN && byte !== TAB) return byte;
      this.#position++;
    }
  }

  #expected(what: string): Unscannable {
    return new Unscannable(`not JSON: expected ${what} at byte ${this.#position}`);
  }
}

/** Nothing is written to them: the shape of skipped parts has no keys and no elements. */
const NO_MEMBERS: Record<string, Value> = Object.freeze({});
const NO_ITEMS: Value[] = [];

/** The quote that ends a string, found from quote to quote; no escape may start before byte `from` and end after it. */
function closingQuote(bytes: Buffer, from: number): number {
  let quote = bytes.indexOf(QUOTE, from);
  while (quote >= 0 && isEscaped(bytes, quote, from)) quote = bytes.indexOf(QUOTE, quote + 1);
  if (quote < 0) throw new Unscannable("not JSON: unterminated string");
  return quote;
}

/** A byte of a string is escaped if an odd number of backslashes precedes it. */
function isEscaped(bytes: Buffer, at: number, from: number): boolean {
  let before = at - 1;
  while (before >= from && bytes[before] === BACKSLASH) before--;
  return (at - before) % 2 === 0;
}

/** The longest way to write an ASCII character, `\u0041`. */
const LONGEST_ESCAPE = 6;

/** Whether the string at `[start, end)`, quotes included, is this word written with escapes. */
function isEscapedWord(bytes: Buffer, start: number, end: number, { text }: Word): boolean {
  const length = end - start - 2;
  const mayBe =
    length > text.length && length <= text.length * LONGEST_ESCAPE && hasEscape(bytes, start, end);
  return mayBe && textOf(bytes, { start, end }) === text;
}

function hasEscape(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return true;
  return false;
}
