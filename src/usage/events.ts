import { createParser, type EventSourceParser } from "eventsource-parser";

/** The longest event that is read, in characters. A final event that repeats a prompt of 200 000 tokens still fits. */
export const MAX_EVENT_LENGTH = 1 << 20;

/**
 * Reads the data of each event from chunks that may be cut anywhere, even within a character. Never throws.
 * Memory is bounded: an event longer than `MAX_EVENT_LENGTH` is skipped, and `onSkip` is called. What follows it in the same chunk
 * may be skipped too.
 */
export class EventReader {
  // The parser strips the one byte order mark that the specification allows.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #parser: EventSourceParser;
  readonly #onSkip: () => void;
  #isTooLong = false;

  constructor(onData: (data: string) => void, onSkip: () => void) {
    this.#onSkip = onSkip;
    this.#parser = createParser({
      maxBufferSize: MAX_EVENT_LENGTH,
      onEvent: ({ data }) => onData(data),
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#isTooLong = true;
      },
    });
  }

  push(chunk: Uint8Array): void {
    const text = this.#decoder.decode(chunk, { stream: true });
    this.#parser.feed(text);
    if (this.#isTooLong) this.#skip(text);
  }

  // --- internal ---

  /** After an overflow the parser drops the rest of its input and must be reset. A colon makes the rest of a line a comment. */
  #skip(text: string): void {
    this.#isTooLong = false;
    this.#parser.reset();
    if (!/[\r\n]$/.test(text)) this.#parser.feed(":");
    this.#onSkip();
  }
}
