/** One block of an answer, in Anthropic's shape but for the ids, which the scripted upstream gives. */
export type Block =
  | { readonly type: "thinking"; readonly thinking: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly name: string; readonly input: Readonly<Record<string, unknown>> };

export type Answer = readonly Block[];

/**
 * What the model says: to the words of a user, one answer after the other until the user speaks again. A key is a part of
 * those words. A subagent's prompt is the words of a user in a conversation of its own, so it has a key of its own.
 */
export type Scenario = Readonly<Record<string, readonly Answer[]>>;

/** What of a `/v1/messages` body the scripted upstream reads. */
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

/** Requests that no key speaks of: titles, summaries for `/compact`, and turns beyond the last answer. */
export const OTHERWISE: Answer = [text("Nothing more to do.")];

/** The answer due: that of the latest words the scenario knows, as many answers on as were given since. */
export function answerTo(scenario: Scenario, { messages, tools }: Conversation): Answer {
  if (!tools?.length) return OTHERWISE;
  const keys = Object.keys(scenario);
  for (let at = messages.length - 1; at >= 0; at--) {
    const key = keys.find((words) => saidByUser(messages[at], words));
    if (!key) continue;
    const given = messages.slice(at).filter((turn) => turn.role === "assistant").length;
    return scenario[key]?.[given] ?? OTHERWISE;
  }
  return OTHERWISE;
}

// --- internal ---

function saidByUser(turn: Turn | undefined, words: string): boolean {
  if (turn?.role !== "user") return false;
  if (typeof turn.content === "string") return turn.content.includes(words);
  return turn.content.some((block) => block.type === "text" && block.text?.includes(words));
}
