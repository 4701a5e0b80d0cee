const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Members deeper than `message.usage` are never asked for. */
const MAX_DEPTH = 2;
/** A `usage` or `timings` object is 100 to 500 bytes; a value longer than this is not one. Small enough for Buffer's pool. */
const MAX_VALUE_BYTES = 2048;

/** Which members are read: `usage`, `message.usage`. Made once and used for many texts. */
export class MemberPaths {
  readonly paths: ReadonlySet<string>;
  /** Every name in the paths, by its length: one look tells most other names apart. */
  readonly #names: Name[][] = [];

  constructor(paths: readonly string[]) {
    this.paths = new Set(paths);
    for (const text of new Set(paths.flatMap((path) => path.split(".")))) {
      const bytes = Buffer.from(text);
      this.#names[bytes.length] = [...(this.#names[bytes.length] ?? []), { text, bytes }];
    }
  }

  /** The name that stands in `source` from `from` up to `to`; "" when it is in none of the paths. */
  nameAt(source: Uint8Array, from: number, to: number): string {
    const sameLength = this.#names[to - from];
    return sameLength?.find(({ bytes }) => isAt(bytes, source, from))?.text ?? "";
  }
}

interface Name {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads chosen members out of one JSON text that comes in pieces, and keeps nothing else: an answer of many megabytes
 * costs a few kilobytes. Only objects are entered. What is not JSON finds nothing and never throws. A name written with
 * escapes is not recognised.
 */
export class MemberReader {
  #wanted: MemberPaths;
  readonly #found: (path: string, value: unknown) => void;
  readonly #kept = Buffer.allocUnsafe(MAX_VALUE_BYTES);
  #length = 0;
  /** What is being kept: a member's name, or the value at `#path`, or nothing. */
  #keeping: "name" | "value" | undefined;
  /** Where in the chunk at hand the kept part begins. */
  #from = 0;
  #path = "";
  #valueDepth = 0;
  #depth = 0;
  /** Per depth: is the container an object, and the name of its running member if it is a known one. */
  readonly #isObject: boolean[] = [];
  readonly #names: string[] = [];
  #expectsName = false;
  #inString = false;
  /** The last byte of the chunk before was a backslash in a string. */
  #escaped = false;

  constructor(wanted: MemberPaths, found: (path: string, value: unknown) => void) {
    this.#wanted = wanted;
    this.#found = found;
  }

  /** Reads `bytes` from `start` up to `end`; they are lent for this call only. */
  push(bytes: Uint8Array, start: number, end: number): void {
    this.#from = start;
    for (let at = start; at < end; ) {
      at = this.#inString ? this.#readString(bytes, at, end) : this.#readStructure(bytes, at, end);
    }
    if (this.#keeping) this.#keep(bytes, end);
  }

  /** Forgets the text read so far, whole or not; the next byte begins a new one, in which `wanted` is looked for. */
  reset(wanted = this.#wanted): void {
    this.#wanted = wanted;
    this.#keeping = undefined;
    this.#depth = 0;
    this.#expectsName = false;
    this.#inString = false;
    this.#escaped = false;
  }

  // --- internal ---

  #readString(bytes: Uint8Array, start: number, end: number): number {
    let at = this.#escaped ? start + 1 : start;
    while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    this.#escaped = at > end;
    if (at >= end) return end;
    this.#inString = false;
    if (this.#keeping === "name") this.#endName(bytes, at);
    return at + 1;
  }

  #readStructure(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      switch (bytes[at]) {
        case QUOTE:
          this.#openString(at + 1);
          return at + 1;
        case OPEN_OBJECT:
          this.#open(true);
          break;
        case OPEN_ARRAY:
          this.#open(false);
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          this.#close(bytes, at);
          break;
        case COMMA:
          this.#endValue(bytes, at);
          this.#expectsName = this.#isObject[this.#depth] === true;
          break;
        case COLON:
          this.#startValue(at + 1);
      }
    }
    return end;
  }

  #openString(at: number): void {
    this.#inString = true;
    if (!this.#expectsName || this.#keeping || this.#depth > MAX_DEPTH) return;
    this.#expectsName = false;
    this.#names[this.#depth] = "";
    if (this.#depth === 1 || this.#names[1]) this.#startKeeping("name", at);
  }

  /** Most names are compared where they stand: keeping each of them would be most of the time that reading takes. */
  #endName(bytes: Uint8Array, at: number): void {
    const isWhole = this.#length === 0;
    if (!isWhole) this.#keep(bytes, at);
    if (this.#keeping) {
      this.#names[this.#depth] = isWhole
        ? this.#wanted.nameAt(bytes, this.#from, at)
        : this.#wanted.nameAt(this.#kept, 0, this.#length);
    }
    this.#keeping = undefined;
  }

  #startValue(at: number): void {
    if (this.#keeping || this.#depth === 0 || this.#depth > MAX_DEPTH || !this.#isObject[this.#depth]) return;
    const name = this.#names[this.#depth];
    if (!name) return;
    this.#path = this.#depth === 1 ? name : `${this.#names[1]}.${name}`;
    if (!this.#wanted.paths.has(this.#path)) return;
    this.#valueDepth = this.#depth;
    this.#startKeeping("value", at);
  }

  #open(isObject: boolean): void {
    this.#depth += 1;
    this.#expectsName = isObject;
    if (this.#depth > MAX_DEPTH) return;
    this.#isObject[this.#depth] = isObject;
    this.#names[this.#depth] = "";
  }

  /** A value ends before the bracket of the container that it stands in. */
  #close(bytes: Uint8Array, at: number): void {
    this.#endValue(bytes, at);
    this.#depth = Math.max(0, this.#depth - 1);
    this.#expectsName = false;
  }

  #endValue(bytes: Uint8Array, at: number): void {
    if (this.#keeping !== "value" || this.#valueDepth !== this.#depth) return;
    this.#keep(bytes, at);
    if (!this.#keeping) return;
    this.#keeping = undefined;
    const value = parse(this.#kept.toString("utf8", 0, this.#length));
    if (value !== undefined) this.#found(this.#path, value);
  }

  #startKeeping(what: "name" | "value", from: number): void {
    this.#keeping = what;
    this.#from = from;
    this.#length = 0;
  }

  /** Adds the bytes up to `end` to what is kept; gives up what grows too long. */
  #keep(bytes: Uint8Array, end: number): void {
    const added = Math.max(0, end - this.#from);
    if (this.#length + added > MAX_VALUE_BYTES) {
      this.#keeping = undefined;
      return;
    }
    this.#kept.set(bytes.subarray(this.#from, this.#from + added), this.#length);
    this.#length += added;
  }
}

function isAt(bytes: Uint8Array, source: Uint8Array, from: number): boolean {
  for (let at = 0; at < bytes.length; at++) if (source[from + at] !== bytes[at]) return false;
  return true;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
