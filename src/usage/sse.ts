/** Takes the data of server-sent events. */
export interface EventSink {
  /** The next piece of the running event's data, `bytes` from `start` up to `end`; lent for this call only. */
  data(bytes: Uint8Array, start: number, end: number): void;
  /** The blank line after an event with data. */
  dispatch(): void;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const DATA = [0x64, 0x61, 0x74, 0x61];
const BOM = [0xef, 0xbb, 0xbf];
const LINE_FEED = Uint8Array.of(LF);

/**
 * Splits an event stream, however it is cut into chunks, and hands on the data of its events without keeping a byte:
 * an event of 100 MB needs as much memory as one of 10 bytes. Other fields and comments are passed over.
 * Grammar and line ends: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class EventSplitter {
  readonly #sink: EventSink;
  /** Where in its line the next byte stands; `name` is still comparing the field's name with "data". */
  #state: "bom" | "name" | "space" | "value" | "other" = "bom";
  /** How many bytes of `BOM` or `DATA` have matched. */
  #matched = 0;
  #hasData = false;
  #afterCr = false;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) at = this.#step(chunk, at);
  }

  // --- internal ---

  /** Consumes at least one byte, or moves on to the next state; returns where to go on. */
  #step(chunk: Uint8Array, at: number): number {
    const byte = chunk[at]!;
    if (this.#afterCr) {
      this.#afterCr = false;
      if (byte === LF) return at + 1;
    }
    switch (this.#state) {
      case "bom":
        return this.#stepBom(byte, at);
      case "name":
        return this.#stepName(byte, at);
      case "space":
        this.#state = "value";
        return byte === SPACE ? at + 1 : at;
      default:
        return this.#stepRest(chunk, at);
    }
  }

  #stepBom(byte: number, at: number): number {
    if (byte !== BOM[this.#matched]) {
      // Half a BOM is the beginning of a field name that nobody knows.
      this.#state = this.#matched === 0 ? "name" : "other";
      return at;
    }
    this.#matched += 1;
    if (this.#matched === BOM.length) this.#startLine();
    return at + 1;
  }

  #stepName(byte: number, at: number): number {
    if (byte === LF || byte === CR) {
      if (this.#matched === 0) this.#dispatch();
      if (this.#matched === DATA.length) this.#startData();
      return this.#endLine(byte, at);
    }
    if (byte === DATA[this.#matched]) {
      this.#matched += 1;
    } else if (byte === COLON && this.#matched === DATA.length) {
      this.#startData();
      this.#state = "space";
    } else {
      this.#state = "other";
    }
    return at + 1;
  }

  #stepRest(chunk: Uint8Array, start: number): number {
    let end = start;
    while (end < chunk.length && chunk[end] !== LF && chunk[end] !== CR) end += 1;
    if (this.#state === "value" && end > start) this.#sink.data(chunk, start, end);
    return end < chunk.length ? this.#endLine(chunk[end]!, end) : end;
  }

  #startLine(): void {
    this.#state = "name";
    this.#matched = 0;
  }

  /** Several data lines make one text, joined by line feeds. */
  #startData(): void {
    if (this.#hasData) this.#sink.data(LINE_FEED, 0, 1);
    this.#hasData = true;
  }

  #endLine(byte: number, at: number): number {
    this.#afterCr = byte === CR;
    this.#startLine();
    return at + 1;
  }

  #dispatch(): void {
    if (this.#hasData) this.#sink.dispatch();
    this.#hasData = false;
  }
}
