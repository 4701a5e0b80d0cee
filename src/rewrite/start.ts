import { hashOf } from "../request/conversation.ts";
import { type Document, type Span, type Value, wordOf } from "./scan.ts";
import type { Shape } from "./shape.ts";

const CONTENT: Shape = { each: { members: { type: { words: ["text", "input_text"] }, text: {} } } };
const ROLE: Shape = { words: ["user", "system", "developer"], decides: true };
const TURNS: Shape = { each: { members: { role: ROLE, content: CONTENT } } };

/** The parts of a body, in any API, that `startOf` reads. `messages` and `input` are turns, `system` and `instructions` texts. */
export const START_SHAPE: Shape = {
  members: { system: CONTENT, instructions: {}, messages: TURNS, input: TURNS, prompt: {} },
};

/**
 * The hash of the texts that a conversation starts with: the system prompt and everything up to the first user turn. Every turn of a
 * conversation has the same, although clients write the same turn now as a string, now as an array of blocks, and move
 * `cache_control` from block to block. `undefined` if the body has no such text.
 */
export function startOf(document: Document): string | undefined {
  const { system, instructions, messages, input, prompt } = document.root.members;
  const texts = [
    ...textsOf(system),
    ...textsOf(instructions),
    ...openingTurns(messages),
    ...openingTurns(input),
  ];
  const spans = texts.length === 0 && prompt ? [firstBytes(prompt)] : texts;
  if (spans.length === 0) return undefined;
  return hashOf(
    spans.map((span) => document.bytes.subarray(withoutBillingHeader(document.bytes, span), span.end)),
  );
}

// --- internal ---

/** A bare prompt has no turns. It grows at its end, so its first bytes are the best that there is. */
const PROMPT_BYTES = 256;

const BILLING_HEADER = Buffer.from('"x-anthropic-billing-header:');
const BACKSLASH = 0x5c;

function openingTurns(turns: Value | undefined): Span[] {
  if (turns?.kind !== "array") return textsOf(turns);
  const firstUserTurn = turns.items.findIndex(
    (turn) => turn.kind === "object" && wordOf(turn.members.role) === "user",
  );
  return turns.items
    .slice(0, firstUserTurn + 1)
    .flatMap((turn) => (turn.kind === "object" ? textsOf(turn.members.content) : []));
}

function textsOf(content: Value | undefined): Span[] {
  if (content?.kind === "string") return [content];
  if (content?.kind !== "array") return [];
  return content.items.flatMap((block) =>
    block.kind === "object" && wordOf(block.members.type) !== undefined ? textsOf(block.members.text) : [],
  );
}

function firstBytes({ start, end }: Span): Span {
  return { start, end: Math.min(end, start + PROMPT_BYTES) };
}

/** Where the text starts to count: some versions of Claude Code change the header with every request, so its line does not. */
function withoutBillingHeader(bytes: Buffer, { start, end }: Span): number {
  const nameEnd = start + BILLING_HEADER.length;
  if (nameEnd > end || bytes.compare(BILLING_HEADER, 0, BILLING_HEADER.length, start, nameEnd) !== 0)
    return start;
  const lineEnd = bytes.indexOf(BACKSLASH, nameEnd);
  return lineEnd < 0 || lineEnd > end ? end : lineEnd;
}
