/** One step of the self-test: a request, or several, in the shape in which Claude Code 2.1.332 sends it. */
export interface Step {
  readonly id: StepId;
  /** What is new in it, in words for the table. */
  readonly title: string;
  readonly bodies: readonly Body[];
}

export type StepId =
  | "cold"
  | "again"
  | "header"
  | "tool-loop"
  | "system-turn"
  | "message"
  | "long-loop"
  | "session"
  | "day"
  | "control"
  | "back"
  | "tools";

export interface Body {
  readonly model: string;
  readonly max_tokens: number;
  readonly stream: boolean;
  readonly system: readonly TextBlock[];
  readonly tools: readonly object[];
  readonly messages: readonly Message[];
}

interface TextBlock {
  readonly type: "text";
  readonly text: string;
}

interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string | readonly object[];
}

/**
 * The requests in their order. `nonce` is part of the first words of the prompt, so that conversations with another nonce share nothing with
 * it. The step "control" must miss the cache; "back" returns to the conversation before it.
 */
export function steps(model: string, nonce: string): Step[] {
  const first: Message[] = [user("Please read the notes and count the lines."), environment("today")];
  const loop: Message[] = [...first, ...toolTurn("one")];
  const told: Message[] = [...loop, ...toolTurn("two"), { role: "system", content: sentences(8, "news") }];
  const more: Message[] = [...told, THOUGHTFUL_ANSWER, user("Now count the words too.")];
  const session: Message[] = [user("What does the main file do?"), environment("today")];
  // The header stays changed, as it does when a session is continued.
  const continued = { header: "4f2" };
  const other = { header: "9e1" };
  const make = (id: StepId, title: string, messages: readonly Message[], change: Change = {}): Step => ({
    id,
    title,
    bodies: [body(model, change.nonce ?? nonce, messages, change)],
  });
  const turns = Array.from({ length: LOOP_TURNS }, (_, index) => shortTurn(`turn ${index + 1}`));
  const loopBodies = turns.map((_, index) =>
    body(model, nonce, [...more, ...turns.slice(0, index + 1).flat()], continued),
  );
  return [
    make("cold", "first request", first),
    make("again", "the same again", first),
    make("header", "another billing header", first, continued),
    make("tool-loop", "next turn of a tool loop", loop, continued),
    make("system-turn", "a system turn after a tool result", told, continued),
    make("message", "a new message after thinking", more, continued),
    { id: "long-loop", title: `${LOOP_TURNS} more turns of a tool loop`, bodies: loopBodies },
    make("session", "a new session, other words", session, other),
    make("day", "a new session on another day", [user("Hello."), environment("another day")], other),
    make("control", "other first words (must miss)", session, { ...other, nonce: `control ${nonce}` }),
    make("back", "back to the session before", session, other),
    make("tools", "two more tools", [...session, ...toolTurn("three")], { ...other, hasMoreTools: true }),
  ];
}

// --- internal ---

interface Change {
  readonly nonce?: string;
  /** The digits of the header that differ between sessions. */
  readonly header?: string;
  readonly hasMoreTools?: boolean;
}

function body(model: string, nonce: string, messages: readonly Message[], change: Change): Body {
  const { header = "a1b", hasMoreTools = false } = change;
  return {
    model,
    max_tokens: 1,
    stream: true,
    system: [
      text(`x-anthropic-billing-header: cc_version=2.1.332.${header}; cc_entrypoint=cli;`),
      text(`You are taking part in self-test ${nonce}. ${sentences(20, "rules")}`),
    ],
    // Some templates show the tools before the system prompt.
    tools: (hasMoreTools ? MORE_TOOLS : TOOLS).map((name) => tool(name, nonce)),
    messages,
  };
}

const text = (words: string): TextBlock => ({ type: "text", text: words });
const user = (words: string): Message => ({ role: "user", content: [text(words)] });
const assistant = (...content: readonly object[]): Message => ({ role: "assistant", content });

/** The turn that follows the user's first words is the same in every session of a project, and of about this length (9 259 characters). */
function environment(day: string): Message {
  return { role: "system", content: [text(sentences(120, day))] };
}

const THOUGHTFUL_ANSWER = assistant(
  { type: "thinking", thinking: sentences(4, "the last thought"), signature: "" },
  text("There are two lines."),
);

/**
 * Enough to fill llama-server's list of 32 checkpoints, to which each turn adds three or four. Only in a full list are those erased that are
 * closer to each other than --checkpoint-min-step (llama.cpp, tools/server/server-context.cpp, create_checkpoint).
 */
const LOOP_TURNS = 12;

function shortTurn(name: string): Message[] {
  return toolTurn(name, 1);
}

function toolTurn(name: string, length = 6): Message[] {
  const id = `toolu_${name.replace(" ", "_")}`;
  return [
    assistant(
      { type: "thinking", thinking: sentences(length, `thought ${name}`), signature: "" },
      { type: "tool_use", id, name: "Read", input: { path: `${name}.txt` } },
    ),
    {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: id, content: sentences(2 * length, `result ${name}`) }],
    },
  ];
}

const TOOLS = ["Bash", "Edit", "Glob", "Read", "Task", "Write"];
/** Tools that Claude Code loads later are inserted in alphabetical order. */
const MORE_TOOLS = ["Bash", "Edit", "Fetch", "Glob", "Notebook", "Read", "Task", "Write"];

function tool(name: string, nonce: string): object {
  const path = { type: "string", description: `What ${name} works on, as an absolute path.` };
  return {
    name,
    description: `${name} of ${nonce}. ${sentences(8, name)}`,
    input_schema: { type: "object", properties: { path }, required: ["path"] },
  };
}

/** Plain sentences of about 17 tokens each; `topic` makes those of different texts differ. */
function sentences(count: number, topic: string): string {
  return Array.from(
    { length: count },
    (_, index) => `Point ${index + 1} of ${topic} says what to do first, and then what to leave alone.`,
  ).join(" ");
}
