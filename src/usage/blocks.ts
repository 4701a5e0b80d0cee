import { isObject, type JsonObject, parseObject } from "./json.ts";

/** A content block of an assistant turn, with its keys in the order in which Claude Code sends them. */
export type Block = TextBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock;

export interface TextBlock {
  readonly type: "text";
  readonly text: string;
}

export interface ThinkingBlock {
  readonly type: "thinking";
  readonly thinking: string;
  /** Empty from llama-server. */
  readonly signature: string;
}

export interface RedactedThinkingBlock {
  readonly type: "redacted_thinking";
  readonly data: string;
}

export interface ToolUseBlock {
  readonly type: "tool_use";
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
}

/** The block of a JSON answer; `undefined` for a type that is not listed above. Unknown keys are dropped. */
export function readBlock(block: unknown): Block | undefined {
  if (!isObject(block)) return undefined;
  const { type, text, thinking, signature, data, id, name, input } = block;
  if (type === "text" && isString(text)) return { type, text };
  if (type === "thinking" && isString(thinking) && isString(signature)) return { type, thinking, signature };
  if (type === "redacted_thinking" && isString(data)) return { type, data };
  if (type === "tool_use" && isString(id) && isString(name) && isObject(input))
    return { type, id, name, input };
  return undefined;
}

/** A block of a stream between its `content_block_start` and its `content_block_stop`. */
export class OpenBlock {
  readonly #start: JsonObject;
  /** The text, the thinking, or the tool's input as JSON text. */
  #body = "";
  #signature = "";

  constructor(start: JsonObject) {
    this.#start = start;
  }

  /** Adds a delta and returns the number of characters it holds; `undefined` if it does not belong in this block. */
  add({ type, text, thinking, signature, partial_json }: JsonObject): number | undefined {
    switch (`${this.#start.type} ${type}`) {
      case "text text_delta":
        return this.#append(text);
      case "thinking thinking_delta":
        return this.#append(thinking);
      case "tool_use input_json_delta":
        return this.#append(partial_json);
      case "thinking signature_delta":
        return this.#sign(signature);
      default:
        return undefined;
    }
  }

  /**
   * The finished block; `undefined` if its type is unknown or its input is not a JSON object. Like Claude Code, it takes text,
   * thinking and input from the deltas alone: some servers repeat the first delta in `content_block_start`.
   */
  end(): Block | undefined {
    return readBlock({
      ...this.#start,
      text: this.#body,
      thinking: this.#body,
      signature: this.#signature,
      input: parseObject(this.#body || "{}"),
    });
  }

  // --- internal ---

  #append(text: unknown): number | undefined {
    if (!isString(text)) return undefined;
    this.#body += text;
    return text.length;
  }

  #sign(signature: unknown): number | undefined {
    if (!isString(signature)) return undefined;
    this.#signature = signature;
    return signature.length;
  }
}

// --- internal ---

function isString(value: unknown): value is string {
  return typeof value === "string";
}
