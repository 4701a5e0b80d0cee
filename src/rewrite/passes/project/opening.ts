import {
  type ArrayValue,
  type Document,
  type ObjectValue,
  type StringValue,
  type Value,
  wordOf,
} from "../../scan.ts";
import type { Shape } from "../../shape.ts";
import { isReminder } from "../turns/reminder.ts";

const TEXTS: Shape = { each: { members: { type: { words: ["text", "tool_result"] }, text: {} } } };

/** What `readOpening` needs of a body. */
export const OPENING_SHAPE: Shape = {
  members: {
    system: TEXTS,
    messages: {
      each: { members: { role: { words: ["user", "system"], decides: true }, content: TEXTS } },
    },
  },
};

/** The texts that a client writes before the model says anything. */
export interface Opening {
  /** The system prompt. */
  readonly prompt: readonly StringValue[];
  /** The system turns before the first answer. */
  readonly turns: readonly StringValue[];
  /**
   * The content of the first user turn; `undefined` if it has a tool result, or if nobody but the client speaks before the first answer.
   * Then there may be no user turn yet: the repair of turns makes one of a system turn.
   */
  readonly firstUserContent: StringValue | ArrayValue | undefined;
}

export function readOpening({ bytes, root }: Document): Opening {
  const { system, messages } = root.members;
  const turns = turnsBeforeAnswer(messages);
  const spoken = turns
    .filter((turn) => wordOf(turn.members.role) === "user")
    .map((turn) => turn.members.content);
  const [first] = spoken;
  return {
    prompt: textsIn(system),
    turns: turns
      .filter((turn) => wordOf(turn.members.role) === "system")
      .flatMap((turn) => textsIn(turn.members.content)),
    firstUserContent:
      isPlain(first) && spoken.some((content) => hasWords(bytes, content)) ? first : undefined,
  };
}

/** The text of a text block; `undefined` for other blocks. */
export function textIn(block: Value): StringValue | undefined {
  if (block.kind !== "object" || wordOf(block.members.type) !== "text") return undefined;
  return block.members.text?.kind === "string" ? block.members.text : undefined;
}

// --- internal ---

function turnsBeforeAnswer(messages: Value | undefined): ObjectValue[] {
  const turns: ObjectValue[] = [];
  for (const turn of messages?.kind === "array" ? messages.items : []) {
    if (turn.kind !== "object" || !isClients(turn)) break;
    turns.push(turn);
  }
  return turns;
}

/** Other passes may have other roles recognized. */
function isClients({ members }: ObjectValue): boolean {
  const role = wordOf(members.role);
  return role === "user" || role === "system";
}

/** Whether a content has anything but the client's reminders. */
function hasWords(bytes: Buffer, content: Value | undefined): boolean {
  if (content?.kind === "string") return !isReminder(bytes, content);
  return (
    content?.kind === "array" &&
    content.items.some((block) => {
      const text = textIn(block);
      return text === undefined || !isReminder(bytes, text);
    })
  );
}

function textsIn(content: Value | undefined): StringValue[] {
  if (content?.kind === "string") return [content];
  if (content?.kind !== "array") return [];
  return content.items.map(textIn).filter((text) => text !== undefined);
}

function isPlain(content: Value | undefined): content is StringValue | ArrayValue {
  if (content?.kind !== "array") return content?.kind === "string";
  return content.items.every(
    (block) => block.kind === "object" && wordOf(block.members.type) !== "tool_result",
  );
}
