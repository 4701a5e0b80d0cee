/**
 * The structure of a JSON body as byte offsets, found in one walk and without parsing what nobody asked for.
 *
 * @module
 */
import { atomEnd } from "./atom.ts";
import { Skipper } from "./skip.ts";

/** Where a value stands: bytes `[start, end)` of the body, the quotes of a string included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface StringValue extends Span {
  readonly kind: "string";
  /** Which of the shape's words it is, however the body escapes it. */
  readonly word?: string | undefined;
}
/** A number, `true`, `false` or `null`. */
export interface AtomValue extends Span {
  readonly kind: "atom";
}
export interface ArrayValue extends Span {
  readonly kind: "array";
  /** The elements that the shape asked for, from the first on. */
  readonly items: readonly Value[];
}
export interface ObjectValue extends Span {
  readonly kind: "object";
  /** The members that the shape asked for, as far as they are there. */
  readonly members: Readonly<Record<string, Value | undefined>>;
}
export type Value = StringValue | AtomValue | ArrayValue | ObjectValue;

/** Which parts of the body to report. Where the value is of another kind than the shape expects, the shape says nothing. */
export interface Shape {
  /** Of an object: the members of interest. */
  readonly members?: Readonly<Record<string, Shape>>;
  /** Of a string: texts to tell apart, of ASCII without quotes, backslashes and control characters. */
  readonly words?: readonly string[];
  /** Of a member: when it is none of its words, the members behind it are of no interest. */
  readonly decides?: boolean;
  /** Of an array: what to report of each element … */
  readonly each?: Shape;
  /** … or of the first one only. */
  readonly first?: Shape;
}

/** The body as the passes see it: the original bytes and the places of what the shape asked for. */
export interface Document {
  readonly bytes: Buffer;
  readonly root: ObjectValue;
}

/** Why a body cannot be edited. The text holds no byte of the body. */
export class Unscannable extends Error {
  override readonly name = "Unscannable";
}

/**
 * Finds the places of what `shape` asks for. Throws `Unscannable` unless the body is one JSON object (RFC 8259) in which
 * no object on the way to a place has a wanted member twice. The structure is checked everywhere; the inside of a
 * string only as far as finding its end needs.
 */
export function scan(bytes: Buffer, shape: Shape): Document {
  return scanWith(Skipper.over(bytes), bytes, shape);
}

/** As `scan`; without a skipper the same is found, only later. */
export function scanWith(skipper: Skipper | undefined, bytes: Buffer, shape: Shape): Document {
  return { bytes, root: new Scanner(bytes, skipper).document(compiled(shape)) };
}

/** The text of a string value. Throws `Unscannable` when its escapes are no JSON or its bytes no UTF-8. */
export function textOf(bytes: Buffer, { start, end }: Span): string {
  try {
    return JSON.parse(UTF8.decode(bytes.subarray(start, end)));
  } catch {
    throw new Unscannable(`a string with bad escapes or bytes at byte ${start}`);
  }
}

/** Whether these bytes stand in the body from byte `at` on; nothing stands outside of it. */
export function standsAt(bytes: Buffer, at: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}

/** Which of its shape's words a value is, if it is a string and one of them. */
export function wordOf(value: Value | undefined): string | undefined {
  return value?.kind === "string" ? value.word : undefined;
}

// --- internal ---

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

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
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Deeper than any client nests, and far from the end of the stack. */
const MAX_DEPTH = 512;

/** Bytes looked at one by one before the skipper is called: most keys and types end within them. */
const NEAR = 24;

/** A text as bytes: to compare bytes costs a tenth of making a string of what stands in the body. */
interface Word {
  readonly text: string;
  readonly bytes: Uint8Array;
}

interface Compiled {
  readonly keys: readonly Key[];
  readonly words: readonly Word[];
  readonly decides: boolean;
  readonly each: Compiled | undefined;
  readonly first: Compiled | undefined;
}

interface Key extends Word {
  readonly shape: Compiled;
}

/** There are few shapes, and a small body is scanned faster than its shape is compiled. */
const COMPILED = new WeakMap<Shape, Compiled>();

function compiled(shape: Shape): Compiled {
  const known = COMPILED.get(shape);
  if (known) return known;
  const made = compile(shape);
  COMPILED.set(shape, made);
  return made;
}

function compile({ members = {}, words = [], decides = false, each, first }: Shape): Compiled {
  const word = (text: string): Word => ({ text, bytes: Buffer.from(text) });
  return {
    keys: Object.entries(members).map(([name, shape]) => ({ ...word(name), shape: compile(shape) })),
    words: words.map(word),
    decides,
    each: each && compile(each),
    first: first && compile(first),
  };
}

/** The shape of what nobody asked for. */
const PASSED_OVER = compile({});

class Scanner {
  private readonly bytes: Buffer;
  private skipper: Skipper | undefined;
  private position = 0;
  private depth = 0;
  /** Whether what `stringEnd` read last may hold an escape; most hold none, and to know that spares looking for one per word. */
  private mayBeEscaped = false;

  constructor(bytes: Buffer, skipper: Skipper | undefined) {
    this.bytes = bytes;
    this.skipper = skipper;
  }

  document(shape: Compiled): ObjectValue {
    if (this.next() !== OPEN_BRACE) throw new Unscannable("it is no JSON object");
    const root = this.object(shape);
    if (this.next() !== undefined) throw this.bad("the end");
    return root;
  }

  /** Reads the value at the position. */
  private value(shape: Compiled): Value {
    const first = this.next();
    if (first === OPEN_BRACE) return this.object(shape);
    if (first === OPEN_BRACKET) return this.array(shape);
    if (first === QUOTE) return this.string(shape);
    const start = this.position;
    this.position = this.endOfAtom(start);
    return { kind: "atom", start, end: this.position };
  }

  /** Passes over the value at the position. */
  private skip(): void {
    const first = this.next();
    if (first === QUOTE) this.position = this.farStringEnd(this.position);
    else if (first !== OPEN_BRACE && first !== OPEN_BRACKET) this.position = this.endOfAtom(this.position);
    else this.position = this.skipped(this.position) ?? this.value(PASSED_OVER).end;
  }

  /** The end of the value at byte `at`. What the skipper does not take is read without it, which tells what is wrong there. */
  private skipped(at: number): number | undefined {
    const end = this.skipper?.end(at, MAX_DEPTH - this.depth);
    if (end === undefined) this.skipper = undefined;
    return end;
  }

  private object(shape: Compiled): ObjectValue {
    const start = this.enter();
    const members: Record<string, Value> = Object.create(null);
    let { keys } = shape;
    if (this.next() === CLOSE_BRACE) this.position++;
    else
      do {
        const key = this.key(keys);
        this.expect(COLON, "a colon");
        if (key === undefined) {
          this.skip();
          continue;
        }
        if (key.text in members)
          throw new Unscannable(`the key ${JSON.stringify(key.text)} stands twice in one object`);
        const value = this.value(key.shape);
        members[key.text] = value;
        if (key.shape.decides && wordOf(value) === undefined) keys = [key];
      } while (this.another(CLOSE_BRACE));
    this.depth--;
    return { kind: "object", start, end: this.position, members };
  }

  private array({ each, first }: Compiled): ArrayValue {
    const start = this.enter();
    const items: Value[] = [];
    let element = each ?? first;
    if (this.next() === CLOSE_BRACKET) this.position++;
    else
      do {
        if (element) items.push(this.value(element));
        else this.skip();
        element = each;
      } while (this.another(CLOSE_BRACKET));
    this.depth--;
    return { kind: "array", start, end: this.position, items };
  }

  /** After an element: true on a comma, false on the closing byte. */
  private another(closing: number): boolean {
    const byte = this.next();
    if (byte !== COMMA && byte !== closing) throw this.bad("a comma or the end of an array or object");
    this.position++;
    return byte === COMMA;
  }

  /** The end of a string that is probably short, as keys and types are: its quote is looked for byte by byte. */
  private stringEnd(start: number): number {
    const { bytes } = this;
    const near = Math.min(start + 1 + NEAR, bytes.length);
    this.mayBeEscaped = false;
    for (let at = start + 1; at < near; at++) {
      if (bytes[at] === QUOTE) return at + 1;
      if (bytes[at] === BACKSLASH) break;
    }
    this.mayBeEscaped = true;
    return this.farStringEnd(start);
  }

  /** The end of any string, found by the skipper or, where there is none, by `indexOf`. */
  private farStringEnd(start: number): number {
    const { bytes } = this;
    const end = this.skipped(start);
    if (end !== undefined) return end;
    let quote = bytes.indexOf(QUOTE, start + 1);
    while (quote >= 0 && isEscaped(bytes, quote)) quote = bytes.indexOf(QUOTE, quote + 1);
    if (quote < 0) throw new Unscannable("not JSON: a string does not end");
    return quote + 1;
  }

  private endOfAtom(start: number): number {
    const end = atomEnd(this.bytes, start);
    if (end === undefined) throw this.bad("a value");
    return end;
  }

  private string({ words }: Compiled): StringValue {
    const start = this.position;
    this.position = words.length > 0 ? this.stringEnd(start) : this.farStringEnd(start);
    return { kind: "string", start, end: this.position, word: this.oneOf(words, start)?.text };
  }

  /** Reads a key; returns it when it is one of these. */
  private key(keys: readonly Key[]): Key | undefined {
    if (this.next() !== QUOTE) throw this.bad("a key");
    const start = this.position;
    this.position = this.stringEnd(start);
    return this.oneOf(keys, start);
  }

  /** Which of the words the string is that was read last, from `start` up to the position. */
  private oneOf<Some extends Word>(words: readonly Some[], start: number): Some | undefined {
    const { bytes, position, mayBeEscaped } = this;
    // Not `find`, which takes half of the time of reading a short string.
    for (const word of words) {
      const plain = position - start - 2 === word.bytes.length && standsAt(bytes, start + 1, word.bytes);
      if (plain || (mayBeEscaped && isEscapedWord(bytes, start, position, word))) return word;
    }
    return undefined;
  }

  private enter(): number {
    if (++this.depth > MAX_DEPTH) throw new Unscannable(`nested deeper than ${MAX_DEPTH} levels`);
    return this.position++;
  }

  private expect(byte: number, what: string): void {
    if (this.next() !== byte) throw this.bad(what);
    this.position++;
  }

  /** The next byte that is no white space (RFC 8259, section 2); the position is then on it. */
  private next(): number | undefined {
    const { bytes } = this;
    for (;;) {
      const byte = bytes[this.position];
      if (byte !== SPACE && byte !== LINE_FEED && byte !== RETURN && byte !== TAB) return byte;
      this.position++;
    }
  }

  private bad(expected: string): Unscannable {
    return new Unscannable(`not JSON: ${expected} was expected at byte ${this.position}`);
  }
}

/** A byte of a string is escaped when an odd number of backslashes stands before it; the string's own quote ends the count. */
function isEscaped(bytes: Buffer, at: number): boolean {
  let before = at - 1;
  while (bytes[before] === BACKSLASH) before--;
  return (at - before) % 2 === 0;
}

/** The longest way to write a character of ASCII, `\u0041`. */
const LONGEST_ESCAPE = 6;

/** Whether the string at `[start, end)`, quotes included, is this word, written with escapes. */
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
