import { type AnswerListener, AnswerParser } from "./answer-parser.ts";
import { type Block, OpenBlock, readBlock } from "./blocks.ts";
import { isObject, type JsonObject } from "./json.ts";

/** The longest turn that is kept, in characters of its blocks. */
export const MAX_TURN_LENGTH = 1 << 20;

/** The assistant turn in an answer of /v1/messages, as the client sends it back in its next request. */
export interface AssistantTurn {
  /** `end_turn`, `tool_use`, `max_tokens`, …; `undefined` if the answer gave none. */
  readonly stopReason: string | undefined;
  /** One block or more, in the order of their `content_block_stop` events. */
  readonly content: readonly Block[];
  /** False between the `message_delta` with the stop reason and `message_stop`: all blocks are there, but the stream may still report an error. */
  readonly isComplete: boolean;
}

/**
 * Rebuilds the assistant turn from one answer of /v1/messages, an event stream or JSON, as its bytes pass. Never throws.
 * Keeps the turn and at most one event or the JSON body, each of up to about a million characters.
 */
export class AssistantTurnReader {
  readonly #collector = new AssistantTurnCollector();
  readonly #parser: AnswerParser;

  constructor(contentType: string) {
    this.#parser = new AnswerParser(contentType, [this.#collector]);
  }

  /** Takes the next bytes of the body, cut anywhere. Does not keep `chunk`. */
  push(chunk: Uint8Array): void {
    this.#parser.push(chunk);
  }

  /**
   * The turn, once the answer has ended it. `undefined` before that and so for an answer that broke off, after an error event,
   * without any block, and whenever the turn is too long or not fully understood.
   */
  get turn(): AssistantTurn | undefined {
    this.#parser.settle();
    return this.#collector.turn;
  }
}

/** The turn as the JSON of a message: `{"role":"assistant","content":[…]}`. */
export function assistantTurnJson(turn: AssistantTurn): string {
  return JSON.stringify({ role: "assistant", content: turn.content });
}

/** Collects the assistant turn from the objects of an answer. */
export class AssistantTurnCollector implements AnswerListener {
  #phase: Phase = "waiting";
  #stopReason: string | undefined;
  #content: Block[] = [];
  #length = 0;
  /** Blocks by index. llama-server starts the text before it ends the thinking. */
  readonly #open = new Map<unknown, OpenBlock>();

  /** Some routers end every stream with `[DONE]`. */
  needs(text: string): boolean {
    return this.#phase !== "failed" && text !== "[DONE]";
  }

  add(object: JsonObject): void {
    if (this.#phase !== "failed" && !this.#read(object)) this.miss();
  }

  miss(): void {
    this.#phase = "failed";
    this.#content = [];
    this.#open.clear();
  }

  get turn(): AssistantTurn | undefined {
    const hasEnded = this.#phase === "stopping" || this.#phase === "complete";
    if (!hasEnded || this.#open.size > 0 || this.#content.length === 0) return undefined;
    return {
      stopReason: this.#stopReason,
      content: [...this.#content],
      isComplete: this.#phase === "complete",
    };
  }

  // --- internal ---

  /** False for an error and for what cannot be understood. Unknown events are ignored, as Anthropic's documentation asks. */
  #read(object: JsonObject): boolean {
    switch (object.type) {
      case "message":
        return this.#enter("complete", ["waiting"]) && this.#readMessage(object);
      case "message_start":
        return this.#enter("started", ["waiting"]);
      case "content_block_start":
        return this.#phase === "started" && this.#startBlock(object.index, object.content_block);
      case "content_block_delta":
        return this.#extendBlock(object.index, object.delta);
      case "content_block_stop":
        return this.#endBlock(object.index);
      case "message_delta":
        return this.#readStopReason(object.delta);
      case "message_stop":
        return this.#enter("complete", ["started", "stopping"]);
      default:
        return object.type !== "error" && !object.error;
    }
  }

  #enter(phase: Phase, from: readonly Phase[]): boolean {
    const isAllowed = from.includes(this.#phase);
    if (isAllowed) this.#phase = phase;
    return isAllowed;
  }

  #readMessage({ content, stop_reason }: JsonObject): boolean {
    if (typeof stop_reason === "string") this.#stopReason = stop_reason;
    return Array.isArray(content) && content.every((block) => this.#keep(readBlock(block)));
  }

  #readStopReason(delta: unknown): boolean {
    if (!isObject(delta) || typeof delta.stop_reason !== "string") return true;
    this.#stopReason = delta.stop_reason;
    return this.#enter("stopping", ["started", "stopping"]);
  }

  /** A second start at the same index replaces the first block, as in Claude Code. */
  #startBlock(index: unknown, start: unknown): boolean {
    if (!isObject(start)) return false;
    this.#open.set(index, new OpenBlock(start));
    return this.#count(JSON.stringify(start).length);
  }

  #extendBlock(index: unknown, delta: unknown): boolean {
    return isObject(delta) && this.#count(this.#open.get(index)?.add(delta));
  }

  #endBlock(index: unknown): boolean {
    const block = this.#open.get(index)?.end();
    this.#open.delete(index);
    return this.#keep(block);
  }

  #keep(block: Block | undefined): boolean {
    if (block) this.#content.push(block);
    return block !== undefined;
  }

  #count(added: number | undefined): boolean {
    this.#length += added ?? 0;
    return added !== undefined && this.#length <= MAX_TURN_LENGTH;
  }
}

type Phase = "waiting" | "started" | "stopping" | "complete" | "failed";
