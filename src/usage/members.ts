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
/** A `usage` or `timings` object is 100 to 500 bytes; a value longer than this is not one. */
const MAX_VALUE_BYTES = 4096;

/**
 * Reads chosen members out of one JSON text that comes in pieces, and keeps nothing else: an answer of many megabytes
 * costs a few kilobytes. Members are named by their path, `usage` or `message.usage`; only objects are entered.
 * What is not JSON finds nothing and never throws. A name written with escapes is not recognised.
 */
export class MemberReader {
  readonly #wanted: ReadonlySet<string>;
  readonly #found: (path: string, value: unknown) => void;
  readonly #kept = Buffer.allocUnsafeSlow(MAX_VALUE_BYTES);
  #length = 0;
  /** What is being kept: a member's name, or the value at `#path`, or nothing. */
  #keeping: "name" | "value" | undefined;
  /** Where in the chunk at hand the kept part begins. */
  #from = 0;
  #path = "";
  #valueDepth = 0;
  #depth = 0;
  /** Per depth: is the container an object, and the name of its running member. */
  readonly #isObject: boolean[] = [];
  readonly #names: string[] = [];
  #expectsName = false;
  #inString = false;
  #escaped = false;

  constructor(wanted: ReadonlySet<string>, found: (path: string, value: unknown) => void) {
    this.#wanted = wanted;
    this.#found = found;
  }

  /** Reads `bytes` from `start` up to `end`; they are lent for this call only. */
  push(bytes: Uint8Array, start: number, end: number): void {
    this.#from = start;
    let at = start;
    while (at < end) {
      at = this.#inString ? this.#readString(bytes, at, end) : this.#readStructure(bytes, at, end);
    }
    this.#keep(bytes, end);
  }

  /** Forgets the text read so far, whole or not; the next byte begins a new one. */
  reset(): void {
    this.#keeping = undefined;
    this.#depth = 0;
    this.#expectsName = false;
    this.#inString = false;
    this.#escaped = false;
  }

  // --- internal ---

  #readString(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        if (this.#keeping === "name") this.#endName(bytes, at);
        return at + 1;
      }
    }
    return end;
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
          this.#endValueAt(this.#depth, bytes, at);
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
    this.#startKeeping("name", at);
  }

  #endName(bytes: Uint8Array, at: number): void {
    this.#keep(bytes, at);
    this.#names[this.#depth] = this.#kept.toString("latin1", 0, this.#length);
    this.#keeping = undefined;
  }

  #startValue(at: number): void {
    if (this.#keeping || this.#depth === 0 || this.#depth > MAX_DEPTH || !this.#isObject[this.#depth]) return;
    const name = this.#names[this.#depth]!;
    this.#path = this.#depth === 1 ? name : `${this.#names[1]}.${name}`;
    if (!this.#wanted.has(this.#path)) return;
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
    this.#endValueAt(this.#depth, bytes, at);
    this.#depth = Math.max(0, this.#depth - 1);
    this.#expectsName = false;
  }

  #endValueAt(depth: number, bytes: Uint8Array, at: number): void {
    if (this.#keeping !== "value" || this.#valueDepth !== depth) return;
    this.#keep(bytes, at);
    if (this.#keeping !== "value") return;
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
    if (!this.#keeping) return;
    const added = Math.max(0, end - this.#from);
    if (this.#length + added > MAX_VALUE_BYTES) {
      this.#keeping = undefined;
      return;
    }
    this.#kept.set(bytes.subarray(this.#from, end), this.#length);
    this.#length += added;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
