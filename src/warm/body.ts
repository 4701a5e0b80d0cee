import {
  type Document,
  type ObjectValue,
  scan,
  textOf,
  Unscannable,
  type Value,
  wordOf,
} from "../rewrite/scan.ts";
import { compile } from "../rewrite/shape.ts";
import type { Edit } from "../rewrite/splice.ts";

/** A body of /v1/messages, read once for everything that a warm-up may cut or change. */
export interface WarmableBody {
  readonly bytes: Buffer;
  readonly root: ObjectValue;
  /** One or more. */
  readonly turns: readonly Turn[];
}

/** One element of `messages`. */
export interface Turn {
  readonly start: number;
  readonly end: number;
  readonly isUser: boolean;
  /** Whether it holds the result of a tool call. */
  readonly hasResult: boolean;
  /** Whether it holds results of tool calls and nothing else: such a turn continues a tool loop. */
  readonly isResult: boolean;
  /** Whether the assistant thinks in it. */
  readonly hasThinking: boolean;
  /** The blocks of its content; none if that is a string. */
  readonly blocks: readonly Block[];
}

export interface Block {
  readonly start: number;
  readonly end: number;
  /** The decoded text of a text block of a user turn. */
  text(): string | undefined;
}

/** Reads a body. Returns `undefined` unless it is one JSON object with at least one message. Pure; never throws. */
export function readWarmable(bytes: Buffer): WarmableBody | undefined {
  try {
    const document = scan(bytes, SHAPE);
    const { messages } = document.root.members;
    if (messages?.kind !== "array" || messages.items.length === 0) return undefined;
    return { bytes, root: document.root, turns: messages.items.map((turn) => readTurn(document, turn)) };
  } catch (error) {
    if (error instanceof Unscannable) return undefined;
    throw error;
  }
}

/**
 * The edits that ask for one generated token in an event stream: llama-server then evaluates the prompt and stops. A stream, because a client
 * that leaves a stream is noticed.
 */
export function oneTokenEdits({ root }: WarmableBody): Edit[] {
  return [memberEdit(root, "max_tokens", "1"), memberEdit(root, "stream", "true")];
}

/** The edit that sets a member of the body that `readWarmable` knows. */
export function memberEdit(root: ObjectValue, name: "max_tokens" | "stream", value: string): Edit {
  const member = root.members[name];
  if (member) return { start: member.start, end: member.end, pieces: [value] };
  // The object is not empty: it has messages.
  return { start: root.start + 1, end: root.start + 1, pieces: [`"${name}":${value},`] };
}

// --- internal ---

const SHAPE = compile({
  members: {
    max_tokens: {},
    stream: {},
    metadata: {},
    messages: {
      each: {
        members: {
          role: { words: ["user", "assistant"] },
          content: {
            each: { members: { type: { words: ["text", "tool_result", "thinking"] }, text: {} } },
          },
        },
      },
    },
  },
});

function readTurn({ bytes }: Document, value: Value): Turn {
  if (value.kind !== "object") throw new Unscannable(`not a turn at byte ${value.start}`);
  const { role, content } = value.members;
  const blocks = content?.kind === "array" ? content.items : [];
  const types = blocks.map((block) => (block.kind === "object" ? wordOf(block.members.type) : undefined));
  return {
    start: value.start,
    end: value.end,
    isUser: wordOf(role) === "user",
    hasResult: types.includes("tool_result"),
    isResult: types.length > 0 && types.every((type) => type === "tool_result"),
    hasThinking: types.includes("thinking"),
    blocks: blocks.map((block, index) => ({
      start: block.start,
      end: block.end,
      text: () => (types[index] === "text" ? blockText(bytes, block) : undefined),
    })),
  };
}

function blockText(bytes: Buffer, block: Value): string | undefined {
  const text = block.kind === "object" ? block.members.text : undefined;
  return text?.kind === "string" ? textOf(bytes, text) : undefined;
}
