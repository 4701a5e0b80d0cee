import { EventReader } from "./events.ts";
import { type JsonObject, parseObject } from "./json.ts";

/** The longest JSON body that is read, in characters. */
export const MAX_BODY_LENGTH = 1 << 20;

/** Receives one answer: each event of a stream, or the body of a JSON answer. Its methods must not throw. */
export interface AnswerListener {
  /** Whether `add` needs this event, judged by its text. Most events are deltas, and parsing them all would cost more. */
  needs(text: string): boolean;
  add(object: JsonObject): void;
  /** Called instead of `add` for an event or body that is too long, and for an event that is not a JSON object. */
  miss(): void;
}

/**
 * Parses one answer for its listeners: an event stream as it passes, a JSON body when `settle` is called. Other content types are
 * ignored. Never throws. Keeps at most one event or body, and gives up one that is longer than about a million characters.
 */
export class AnswerParser {
  readonly isStream: boolean;
  readonly #listeners: readonly AnswerListener[];
  readonly #read: (chunk: Uint8Array) => void;
  readonly #decoder = new TextDecoder();
  /** The JSON body so far; `undefined` once it is parsed or given up. */
  #body: string | undefined = "";

  constructor(contentType: string, listeners: readonly AnswerListener[]) {
    const type = contentType.split(";")[0]!.trim().toLowerCase();
    this.isStream = type === "text/event-stream";
    this.#listeners = listeners;
    this.#read = this.#readerFor(type);
  }

  push(chunk: Uint8Array): void {
    this.#read(chunk);
  }

  /** Passes a complete JSON body to the listeners, once. Call it before reading results; an incomplete body is kept for later. */
  settle(): void {
    const object = this.#body && parseObject(this.#body);
    if (!object) return;
    this.#body = undefined;
    for (const listener of this.#listeners) listener.add(object);
  }

  // --- internal ---

  #readerFor(type: string): (chunk: Uint8Array) => void {
    if (type === "application/json") return (chunk) => this.#collect(chunk);
    if (!this.isStream) return () => {};
    const events = new EventReader(
      (data) => this.#readEvent(data),
      () => this.#miss(),
    );
    return (chunk) => events.push(chunk);
  }

  #collect(chunk: Uint8Array): void {
    if (this.#body === undefined) return;
    this.#body += this.#decoder.decode(chunk, { stream: true });
    if (this.#body.length <= MAX_BODY_LENGTH) return;
    this.#body = undefined;
    this.#miss();
  }

  #readEvent(data: string): void {
    const listeners = this.#listeners.filter((listener) => listener.needs(data));
    if (listeners.length === 0) return;
    const object = parseObject(data);
    for (const listener of listeners) {
      if (object) listener.add(object);
      else listener.miss();
    }
  }

  #miss(): void {
    for (const listener of this.#listeners) listener.miss();
  }
}
