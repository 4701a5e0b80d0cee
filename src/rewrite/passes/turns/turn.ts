import {
  type Document,
  type ObjectValue,
  type StringValue,
  Unscannable,
  type Value,
  wordOf,
} from "../../scan.ts";
import type { Shape } from "../../shape.ts";

/** One element of `messages`. */
export interface Turn {
  readonly value: ObjectValue;
  readonly role: "user" | "system" | "other";
  /** Empty for other roles: their turns are never looked into. */
  readonly content: StringValue | readonly Block[];
}

/** One content block of a turn. */
export interface Block {
  readonly value: ObjectValue;
  readonly isResult: boolean;
  /** Of a text block; other blocks have no words. */
  readonly text: StringValue | undefined;
  /** Of a `tool_result`: what the tool returned. */
  readonly content: Value | undefined;
}

const RESULT_SHAPE: Shape = {
  each: { members: { type: { words: ["text", "tool_reference"] }, text: {}, tool_name: {} } },
};
const BLOCK_SHAPE: Shape = {
  members: {
    type: { words: ["text", "tool_result", "tool_reference"] },
    text: {},
    content: RESULT_SHAPE,
    tool_name: {},
  },
};

/** What `turnsIn` and `readTurn` need of `messages`. */
export const TURNS_SHAPE: Shape = {
  each: { members: { role: { words: ["user", "system"], decides: true }, content: { each: BLOCK_SHAPE } } },
};

/** The elements of `messages`; none if that is not an array. */
export function turnsIn({ root }: Document): readonly Value[] {
  const { messages } = root.members;
  return messages?.kind === "array" ? messages.items : NONE;
}

/** One element of `messages` as a turn. Throws `Unscannable` if it is not one, or if a user or system turn has content that Anthropic's API does not have. */
export function readTurn(value: Value): Turn {
  if (value.kind !== "object" || value.members.role?.kind !== "string") throw unknownShape("a turn", value);
  const { role: named, content } = value.members;
  const role = wordOf(named);
  if (role !== "user" && role !== "system") return { value, role: "other", content: NONE };
  if (content?.kind === "string") return { value, role, content };
  if (content?.kind !== "array") throw unknownShape(`the content of a ${role} turn`, value);
  return { value, role, content: content.items.map(readBlock) };
}

/** The blocks of a turn; none if its content is a string. */
export function blocksIn({ content }: Turn): readonly Block[] {
  return "kind" in content ? NONE : content;
}

export function hasResult(turn: Turn): boolean {
  return blocksIn(turn).some((block) => block.isResult);
}

// --- internal ---

const NONE: readonly never[] = [];

function readBlock(value: Value): Block {
  if (value.kind !== "object" || value.members.type?.kind !== "string")
    throw unknownShape("a content block", value);
  const { type, text, content } = value.members;
  const isText = wordOf(type) === "text";
  if (isText && text?.kind !== "string") throw unknownShape("a text block", value);
  return {
    value,
    isResult: wordOf(type) === "tool_result",
    text: isText ? (text as StringValue) : undefined,
    content,
  };
}

function unknownShape(what: string, { start }: Value): Unscannable {
  return new Unscannable(`${what} of unknown shape at byte ${start}`);
}
