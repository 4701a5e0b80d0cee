import {
  type Document,
  type ObjectValue,
  type Shape,
  type StringValue,
  textOf,
  Unscannable,
  type Value,
} from "./scan.ts";

/** One element of `messages`. */
export interface Turn {
  readonly value: ObjectValue;
  readonly role: string;
  /** Read for user and system turns only; an assistant's turn is never looked into. */
  readonly content: StringValue | readonly Block[];
}

/** One content block of a turn. */
export interface Block {
  readonly value: ObjectValue;
  readonly type: string;
  readonly text: StringValue | undefined;
  /** Of a `tool_result`: what the tool returned. */
  readonly content: Value | undefined;
}

const RESULT_SHAPE: Shape = { each: { members: { type: {}, text: {}, tool_name: {} } } };
const BLOCK_SHAPE: Shape = { members: { type: {}, text: {}, content: RESULT_SHAPE } };

/** What `readTurns` needs of a body. */
export const TURNS_SHAPE: Shape = { each: { members: { role: {}, content: { each: BLOCK_SHAPE } } } };

/** The turns of `messages`. Throws `Unscannable` when a user or system turn has a shape that Anthropic's API does not know. */
export function readTurns({ bytes, root }: Document): Turn[] {
  const { messages } = root.members;
  if (messages?.kind !== "array") return [];
  return messages.items.map((value) => readTurn(bytes, value));
}

/** Whether a turn or block is known to hold a text, and which; texts of other blocks are not the user's or the client's words. */
export function textBlockOf(block: Block): StringValue | undefined {
  return block.type === "text" ? block.text : undefined;
}

// --- internal ---

function readTurn(bytes: Buffer, value: Value): Turn {
  if (value.kind !== "object" || value.members.role?.kind !== "string") throw unknownShape("a turn", value);
  const role = textOf(bytes, value.members.role);
  if (role !== "user" && role !== "system") return { value, role, content: [] };
  const { content } = value.members;
  if (content?.kind === "string") return { value, role, content };
  if (content?.kind !== "array") throw unknownShape(`the content of a ${role} turn`, value);
  return { value, role, content: content.items.map((block) => readBlock(bytes, block)) };
}

function readBlock(bytes: Buffer, value: Value): Block {
  if (value.kind !== "object" || value.members.type?.kind !== "string")
    throw unknownShape("a content block", value);
  const { text, content } = value.members;
  const type = textOf(bytes, value.members.type);
  if (type === "text" && text?.kind !== "string") throw unknownShape("a text block", value);
  return { value, type, text: text?.kind === "string" ? text : undefined, content };
}

function unknownShape(what: string, { start }: Value): Unscannable {
  return new Unscannable(`${what} of unknown shape at byte ${start}`);
}
