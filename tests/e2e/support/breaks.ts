/** Requests in Claude Code's shape, small ones, and what can happen between them that costs the cache. */
import type { LlamaServer } from "./llama-server.ts";

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string | readonly object[];
}

export interface Request {
  /** Clients other than Claude Code have none. */
  readonly session?: string | undefined;
  readonly agentId?: string;
  readonly model: string;
  readonly system: readonly string[];
  readonly tools: readonly object[];
  readonly messages: readonly Message[];
  readonly extra?: object;
  /** Anthropic's if not given. */
  readonly api?: "openai" | "responses";
}

/** What a story can use besides its requests. */
export interface Stage {
  readonly server: LlamaServer;
  /** A text that no other story has. */
  readonly name: string;
  /** Sends a request through the proxy. */
  send(request: Request): Promise<void>;
  /** Another model on the same port. */
  swap(): Promise<void>;
  /** Sends a request to the server, past the proxy. */
  sendDirectly(request: Request): Promise<void>;
}

/** Something that costs the cache: a request to be explained comes last. */
export interface Break {
  readonly title: string;
  readonly expected: readonly string[];
  /** The request after a plain one and its plain next turn; what else it does happens before. */
  readonly next: (turn: Request, stage: Stage) => Request | Promise<Request>;
  /** Instead of a plain conversation. */
  readonly first?: (name: string) => Request;
  /** Only on servers that this can happen on. */
  readonly needs?: "no RAM cache" | "sleep" | "thinking" | "checkpoints" | "another model" | "two servers";
}

export function plainRequest(name: string): Request {
  return {
    session: `${name}-0000-4000-8000-000000000000`,
    model: "claude-local",
    system: [`You are ${name}. ${words(`${name}rule`, 60)}`, words(`${name}env`, 60)],
    tools: ["Bash", "Edit", "Glob", "Grep", "Read", "Write"].map((tool) => toolOf(tool, name)),
    messages: [
      say(`${name} one ${words("a", 80)}`),
      answer(words("b", 80)),
      say(words("c", 80)),
      answer(words("d", 80)),
      say(words("e", 80)),
    ],
  };
}

/** The next turn of a conversation: an answer and the user's next words. */
export function nextTurn(request: Request, text = words("next", 40)): Request {
  return { ...request, messages: [...request.messages, answer(words("reply", 20)), say(text)] };
}

/** A tool loop of three steps, with thinking. */
export function withLoop(request: Request): Request {
  const steps = [1, 2, 3].flatMap((step): Message[] => [
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: words(`think${step}`, 60), signature: "s" },
        { type: "tool_use", id: `toolu_${step}`, name: "Bash", input: { command: `ls ${step}` } },
      ],
    },
    {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: `toolu_${step}`, content: words(`out${step}`, 60) }],
    },
  ]);
  return { ...request, messages: [...request.messages, ...steps] };
}

/** The next turn, after a first request of another session for each of these differences from a plain one. */
export function afterOthers(...others: readonly Partial<Request>[]): Break["next"] {
  return async (turn, { name, send }) => {
    for (const [index, other] of others.entries())
      await send({ ...plainRequest(`${name}${"xyz"[index]}`), ...other });
    return nextTurn(turn);
  };
}

/** The next turn, after a restart of the server. */
export async function afterRestart(turn: Request, { server }: Stage): Promise<Request> {
  await server.restart();
  return nextTurn(turn);
}

/** The next turn, with a message in the middle replaced. */
export function pruned(turn: Request): Request {
  const next = nextTurn(turn);
  return { ...next, messages: next.messages.with(2, say("pruned")) };
}

export const BREAKS: readonly Break[] = [
  {
    title: "the system prompt's first block changed",
    expected: ["system_changed"],
    next: (turn) => ({ ...nextTurn(turn), system: [`Today. ${turn.system[0]}`, turn.system[1]!] }),
  },
  {
    title: "a date at the end of the system prompt changed",
    expected: ["system_changed"],
    next: (turn) => ({ ...nextTurn(turn), system: [turn.system[0]!, `${turn.system[1]} Tuesday`] }),
  },
  {
    title: "the model switched, which the system prompt names",
    expected: ["model_changed"],
    next: (turn) => ({
      ...nextTurn(turn),
      model: "claude-other",
      system: [turn.system[0]!, `${turn.system[1]} Model: other`],
    }),
  },
  {
    title: "two tools added in front",
    expected: ["tools_added"],
    next: (turn) => ({
      ...nextTurn(turn),
      tools: [toolOf("AgentTool", "x"), ...turn.tools, toolOf("WebFetch", "x")],
    }),
  },
  {
    title: "a tool removed",
    expected: ["tools_removed"],
    next: (turn) => ({ ...nextTurn(turn), tools: turn.tools.toSpliced(1, 1) }),
  },
  {
    title: "a tool's description changed",
    expected: ["tools_changed"],
    next: (turn) => ({ ...nextTurn(turn), tools: turn.tools.with(0, toolOf("Bash", "changed")) }),
  },
  {
    title: "tools reordered",
    expected: ["tools_reordered"],
    next: (turn) => ({ ...nextTurn(turn), tools: turn.tools.toReversed() }),
  },
  {
    title: "an early message edited",
    expected: ["message_edited"],
    next: (turn) => {
      const next = nextTurn(turn);
      return { ...next, messages: next.messages.with(0, say(`edited ${words("z", 80)}`)) };
    },
  },
  {
    title: "a tool's result pruned from the middle",
    expected: ["message_edited"],
    next: pruned,
  },
  {
    title: "two messages dropped from the middle",
    expected: ["messages_dropped"],
    next: (turn) => {
      const next = nextTurn(turn);
      return { ...next, messages: next.messages.toSpliced(1, 2) };
    },
  },
  {
    title: "the server restarted",
    expected: ["server_restarted"],
    next: afterRestart,
  },
  {
    title: "a new session with other words",
    expected: ["new_session"],
    next: (turn, { name }) => ({
      ...turn,
      session: `${name}2-0000-4000-8000-000000000000`,
      messages: [say(`another task ${words("q", 200)}`)],
    }),
  },
  {
    title: "another project",
    expected: ["new_project"],
    next: (turn, { name }) => ({
      ...turn,
      session: `${name}3-0000-4000-8000-000000000000`,
      system: [turn.system[0]!, words(`${name}elsewhere`, 60)],
      messages: [say(`elsewhere ${words("q", 200)}`)],
    }),
  },
  {
    title: "the conversation compacted",
    expected: ["compacted"],
    next: (turn) => ({ ...turn, messages: [say(`This is a summary: ${words("s", 300)}`)] }),
  },
  {
    title: "another session took the only slot",
    expected: ["slot_taken"],
    needs: "no RAM cache",
    next: afterOthers({}),
  },
  {
    title: "a client past the proxy took the only slot",
    expected: ["slot_taken"],
    needs: "no RAM cache",
    async next(turn, { name, sendDirectly }) {
      await sendDirectly(plainRequest(`${name}y`));
      return nextTurn(turn);
    },
  },
  {
    title: "a subagent took the only slot",
    expected: ["slot_taken"],
    needs: "no RAM cache",
    async next(turn, { name, send }) {
      await send({ ...plainRequest(`${name}sub`), session: turn.session, agentId: "agent-1" });
      return nextTurn(turn);
    },
  },
  {
    title: "a subagent's first request",
    expected: ["new_session"],
    next: (turn, { name }) => ({
      ...turn,
      agentId: "agent-2",
      system: [`You are a subagent of ${name}. ${words(`${name}sub`, 60)}`],
      tools: turn.tools.slice(0, 3),
      messages: [say(`Find it ${words("find", 80)}`)],
    }),
  },
  {
    title: "a tool changed, and a message edited",
    expected: ["tools_changed"],
    next: (turn) => {
      const next = nextTurn(turn);
      return {
        ...next,
        tools: turn.tools.with(1, toolOf("Edit", "other")),
        messages: next.messages.with(2, say("pruned")),
      };
    },
  },
  {
    title: "the same request again",
    expected: ["none"],
    next: (turn) => turn,
  },
  {
    title: "texts wrapped in arrays, cache_control moved, and a long last message",
    expected: ["none"],
    next: (turn) => {
      const next = nextTurn(turn, words("long", 300));
      const wrapped = next.messages.map(({ role, content }, index) => ({
        role,
        content: [
          { type: "text", text: content, ...(index % 2 && { cache_control: { type: "ephemeral" } }) },
        ],
      }));
      return { ...next, messages: wrapped };
    },
  },
  {
    title: "a step of a tool loop",
    expected: ["none"],
    async next(turn, { send }) {
      const loop = withLoop(turn);
      await send({ ...loop, messages: loop.messages.slice(0, -2) });
      return loop;
    },
  },
  {
    title: "a turn after a side request for a title",
    expected: ["none"],
    async next(turn, { send, name }) {
      await send({
        ...turn,
        tools: [],
        system: [`Title for ${name}`],
        messages: [say(`Title: ${words("t", 60)}`)],
      });
      return nextTurn(turn);
    },
  },
  {
    title: "a session that is brought back from the RAM cache",
    expected: ["none"],
    async next(turn, { send, name }) {
      await send(plainRequest(`${name}z`));
      return nextTurn(turn);
    },
  },
  {
    title: "history rewound, where the model can only go back to a checkpoint",
    expected: ["checkpoint", "rewound"],
    needs: "checkpoints",
    first: (name) => {
      const plain = plainRequest(name);
      return { ...plain, messages: [plain.messages[0]!, answer(words("long", 300)), say("go on")] };
    },
    async next(turn, { send }) {
      const longer = nextTurn({
        ...turn,
        messages: [...turn.messages, answer(words("more", 300)), say("and on")],
      });
      await send(longer);
      return { ...turn, messages: [...turn.messages.slice(0, 2), say("another way")] };
    },
  },
  {
    title: "another model on the same port",
    expected: ["model_loaded"],
    needs: "another model",
    async next(turn, { swap }) {
      await swap();
      return nextTurn(turn);
    },
  },
  {
    title: "a balancer sent the turn to another server",
    expected: ["another_replica"],
    needs: "two servers",
    next: (turn) => nextTurn(turn),
  },
  {
    title: "the server slept",
    expected: ["server_slept"],
    needs: "sleep",
    async next(turn) {
      await Bun.sleep(4_000);
      return nextTurn(turn);
    },
  },
  {
    title: "thinking of the tool loop before dropped",
    expected: ["thinking_dropped"],
    needs: "thinking",
    async next(turn, { send }) {
      const loop = withLoop(turn);
      await send(loop);
      return nextTurn(loop);
    },
  },
];

/** What a restart that is over has nothing to do with; on servers that lose what they displace. */
export const RESTARTED_BREAKS: readonly Break[] = [
  {
    title: "another session took the only slot, one turn after the server restarted",
    expected: ["slot_taken"],
    async next(turn, { name, server, send }) {
      await server.restart();
      const after = nextTurn(turn);
      await send(after);
      await send(plainRequest(`${name}x`));
      return nextTurn(after);
    },
  },
  {
    title: "another session took the only slot of a server that restarted before the conversation",
    expected: ["slot_taken"],
    async next(_, { name, server, send }) {
      await server.restart();
      const fresh = plainRequest(`${name}fresh`);
      await send(fresh);
      await send(plainRequest(`${name}x`));
      return nextTurn(fresh);
    },
  },
];

export function words(name: string, count: number): string {
  return Array.from({ length: count }, (_, index) => `${name}${index}`).join(" ");
}

export function say(content: string): Message {
  return { role: "user", content };
}

export function answer(content: string): Message {
  return { role: "assistant", content };
}

export function toolOf(name: string, salt: string): object {
  return {
    name,
    description: `${name} of ${salt}: ${words(`${salt}${name}`, 20)}`,
    input_schema: { type: "object", properties: { path: { type: "string", description: words(name, 8) } } },
  };
}
