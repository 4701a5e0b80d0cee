/** One block of an answer in Anthropic's shape, without ids: the scripted upstream adds those. */
export type Block =
  | { readonly type: "thinking"; readonly thinking: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly name: string; readonly input: Readonly<Record<string, unknown>> };

export type Answer = readonly Block[];

/**
 * What the model says. A key is part of a user's message; its answers are given in order until the next user message.
 * A subagent's prompt is the user message of a separate conversation, so it needs its own key.
 */
export type Scenario = Readonly<Record<string, readonly Answer[]>>;

/** The parts of a `/v1/messages` body that the scripted upstream reads. */
export interface Conversation {
  readonly model: string;
  readonly stream?: boolean;
  readonly messages: readonly Turn[];
  readonly tools?: readonly { readonly name: string }[];
}

export interface Turn {
  readonly role: string;
  readonly content: string | readonly { readonly type: string; readonly text?: string }[];
}

export const text = (words: string): Block => ({ type: "text", text: words });
export const thinking = (words: string): Block => ({ type: "thinking", thinking: words });
export const tool = (name: string, input: Record<string, unknown>): Block => ({
  type: "tool_use",
  name,
  input,
});

/** The answer to everything that is not in the scenario: titles, subagent reports and the summary for `/compact`. */
export const OTHERWISE: Answer = [text("<summary>Nothing more to do.</summary>")];

/** The next answer to the user's latest message. */
export function answerTo(scenario: Scenario, { messages, tools }: Conversation): Answer {
  if (!tools?.length) return OTHERWISE;
  const at = messages.findLastIndex((turn) => wordsIn(turn) !== "");
  const words = wordsIn(messages[at]);
  const key = Object.keys(scenario).find((part) => words.includes(part)) ?? "";
  const given = messages.slice(at).filter((turn) => turn.role === "assistant").length;
  return scenario[key]?.[given] ?? OTHERWISE;
}

/** The text of a user's turn without what Claude Code adds to it; "" for every other turn. */
export function wordsIn(turn: Turn | undefined): string {
  if (turn?.role !== "user") return "";
  const blocks = typeof turn.content === "string" ? [{ type: "text", text: turn.content }] : turn.content;
  const texts = blocks.map((block) => (block.type === "text" ? (block.text ?? "") : ""));
  return texts.filter((one) => !CLAUDE_CODES_OWN.test(one)).join("\n");
}

// --- internal ---

const CLAUDE_CODES_OWN = /^(<system-reminder>|Tool loaded\.$)/;
