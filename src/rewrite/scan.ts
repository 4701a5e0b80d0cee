/**
 * The structure of a JSON body as byte offsets, found in one walk and without parsing what nobody asked for.
 *
 * @module
 */

/** Where a value stands: bytes `[start, end)` of the body, the quotes of a string included. */
interface Span {
  readonly start: number;
  readonly end: number;
}

export interface StringValue extends Span {
  readonly kind: "string";
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
  return { bytes, root: new Scanner(bytes).document(compiled(shape)) };
}

/** The text of a string value. Throws `Unscannable` when its escapes are no JSON or its bytes no UTF-8. */
export function textOf(bytes: Buffer, value: StringValue): string {
  if (isPlainWord(bytes, value)) return bytes.toString("latin1", value.start + 1, value.end - 1);
  try {
    return JSON.parse(UTF8.decode(bytes.subarray(value.start, value.end)));
  } catch {
    throw new Unscannable(`a string with bad escapes or bytes at byte ${value.start}`);
  }
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

/** Deeper than any client nests, and far from the end of the stack: llama-server's own parser goes no deeper than its stack either. */
const MAX_DEPTH = 512;

/** Bytes looked at one by one before `indexOf` takes over: calling it costs about as much as 12 steps. */
const NEAR = 12;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const ATOM_END = /[\s,\]}]/;

/** A shape with its keys as bytes: to compare bytes costs a tenth of making a string of each key. */
interface Compiled {
  readonly keys: readonly Key[];
  readonly each: Compiled | undefined;
  readonly first: Compiled | undefined;
}

interface Key {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly shape: Compiled;
}

function compiled({ members = {}, each, first }: Shape): Compiled {
  const keys = Object.entries(members).map(([name, shape]) => ({
    name,
    bytes: Buffer.from(name),
    shape: compiled(shape),
  }));
  return { keys, each: each && compiled(each), first: first && compiled(first) };
}

class Scanner {
  private readonly bytes: Buffer;
  private position = 0;
  private depth = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  document(shape: Compiled): ObjectValue {
    if (this.next() !== OPEN_BRACE) throw this.bad("a JSON object");
    const root = this.object(shape);
    if (this.next() !== undefined) throw this.bad("the end");
    return root;
  }

  /** Reads the value at the position; without a shape nothing is allocated for it. */
  private value(shape: Compiled | undefined): Value | undefined {
    const first = this.next();
    if (first === QUOTE) return this.string(shape !== undefined);
    if (first === OPEN_BRACE) return this.object(shape);
    if (first === OPEN_BRACKET) return this.array(shape);
    return this.atom();
  }

  private object(shape: Compiled | undefined): ObjectValue {
    const start = this.enter();
    const members: Record<string, Value> | undefined = shape && Object.create(null);
    if (this.next() === CLOSE_BRACE) this.position++;
    else
      do {
        const key = this.key(shape);
        this.expect(COLON, "a colon");
        const value = this.value(key?.shape);
        if (key === undefined || members === undefined) continue;
        if (key.name in members)
          throw new Unscannable(`the key ${JSON.stringify(key.name)} stands twice in one object`);
        members[key.name] = value as Value;
      } while (this.another(CLOSE_BRACE));
    this.depth--;
    return members === undefined ? NOTHING : { kind: "object", start, end: this.position, members };
  }

  private array(shape: Compiled | undefined): ArrayValue | ObjectValue {
    const start = this.enter();
    const items: Value[] = [];
    let element = shape?.each ?? shape?.first;
    if (this.next() === CLOSE_BRACKET) this.position++;
    else
      do {
        const item = this.value(element);
        if (element) items.push(item as Value);
        if (shape?.first) element = undefined;
      } while (this.another(CLOSE_BRACKET));
    this.depth--;
    return shape === undefined ? NOTHING : { kind: "array", start, end: this.position, items };
  }

  /** After an element: true on a comma, false on the closing byte. */
  private another(closing: number): boolean {
    const byte = this.next();
    if (byte !== COMMA && byte !== closing) throw this.bad("a comma or the end of an array or object");
    this.position++;
    return byte === COMMA;
  }

  private string(report: boolean): StringValue | undefined {
    const start = this.position;
    let quote = this.quoteFrom(start + 1);
    while (isEscaped(this.bytes, quote)) quote = this.quoteFrom(quote + 1);
    this.position = quote + 1;
    return report ? { kind: "string", start, end: quote + 1 } : undefined;
  }

  /** The first quote at or after `at`: near ones are found byte by byte, far ones by `indexOf`. */
  private quoteFrom(at: number): number {
    const { bytes } = this;
    const near = Math.min(at + NEAR, bytes.length);
    while (at < near && bytes[at] !== QUOTE) at++;
    if (at < near) return at;
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) throw new Unscannable("not JSON: a string does not end");
    return quote;
  }

  private atom(): AtomValue {
    const start = this.position;
    // 64 bytes hold every literal and every number that a client writes; longer numbers are left alone with their body.
    const text = this.bytes.toString("latin1", start, start + 64);
    const end = text.search(ATOM_END);
    const atom = end < 0 ? text : text.slice(0, end);
    if (atom !== "true" && atom !== "false" && atom !== "null" && !isNumber(atom)) throw this.bad("a value");
    this.position = start + atom.length;
    return { kind: "atom", start, end: this.position };
  }

  /** Reads a key; returns it when the shape asks for its member. */
  private key(shape: Compiled | undefined): Key | undefined {
    if (this.next() !== QUOTE) throw this.bad("a key");
    const start = this.position;
    this.string(false);
    if (shape === undefined || shape.keys.length === 0) return undefined;
    return this.wanted(shape.keys, start, this.position);
  }

  /** Which of the keys stands at `[start, end)`, quotes included; it may be written with escapes. */
  private wanted(keys: readonly Key[], start: number, end: number): Key | undefined {
    const { bytes } = this;
    const same = keys.find((key) => isAt(bytes, start + 1, end - 1, key.bytes));
    if (same || !hasEscape(bytes, start, end)) return same;
    const name = textOf(bytes, { kind: "string", start, end });
    return keys.find((key) => key.name === name);
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

/** Stands for a container that nobody asked for. */
const NOTHING: ObjectValue = { kind: "object", start: 0, end: 0, members: Object.freeze({}) };

/** A byte of a string is escaped when an odd number of backslashes stands before it; the string's own quote ends the count. */
function isEscaped(bytes: Buffer, at: number): boolean {
  let before = at - 1;
  while (bytes[before] === BACKSLASH) before--;
  return (at - before) % 2 === 0;
}

function isNumber(text: string): boolean {
  NUMBER.lastIndex = 0;
  return NUMBER.test(text) && NUMBER.lastIndex === text.length;
}

function isAt(bytes: Buffer, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let at = 0; at < wanted.length; at++) if (bytes[start + at] !== wanted[at]) return false;
  return true;
}

function hasEscape(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return true;
  return false;
}

/** Whether a string is short and needs no decoding, as roles and types do: most calls of `textOf` are for such. */
function isPlainWord(bytes: Buffer, { start, end }: StringValue): boolean {
  if (end - start > 32) return false;
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at]!;
    if (byte < SPACE || byte > 0x7e || byte === BACKSLASH) return false;
  }
  return true;
}
