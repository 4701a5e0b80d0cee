import { type Break, nextTurn, plainRequest, type Request, type Stage } from "./breaks.ts";
import { type Explained, lastCause } from "./causes.ts";
import type { LlamaServer } from "./llama-server.ts";
import { startProxy } from "./proxy.ts";

/** A request whose cause is known: what the proxy found, and what it should have found. */
export interface Row extends Explained {
  readonly where: string;
  readonly title: string;
  /** Any of them is right. */
  readonly expected: readonly string[];
}

/** The servers that a break happens on. */
export interface Setting {
  readonly where: string;
  readonly server: LlamaServer;
  /** What the proxy forwards to. */
  readonly origin: string;
  readonly stream: boolean;
  readonly swap: Stage["swap"];
  /** Requests without a session, as other clients send them. */
  readonly anonymous?: boolean | undefined;
}

/** The title of each conversation's first request. */
export const FIRST = "first request";

export function isRight({ expected, cause }: Row): boolean {
  return expected.includes(cause?.id ?? "none");
}

/** One conversation with a plain next turn and a break, through a proxy of its own. */
export async function tell(
  each: Break,
  { where, server, origin, stream, swap, anonymous }: Setting,
): Promise<Row[]> {
  await using proxy = await startProxy(origin, "--warm", "off", "--tools", "keep");
  stories += 1;
  const name = `tale${stories}`;
  const send = ({ session, ...request }: Request) =>
    post(proxy.origin, { ...request, ...(session && !anonymous && { session }) }, stream);
  const stage: Stage = {
    server,
    name,
    swap,
    send,
    sendDirectly: (request: Request) => post(server.origin, request, stream),
  };
  const found: Row[] = [];
  const note = async (title: string, expected: readonly string[]) => {
    found.push({ where, title, expected, ...(await lastCause(proxy.origin)) });
  };
  const first = (each.first ?? plainRequest)(name);
  await send(first);
  await note(FIRST, ["first_request"]);
  const second = nextTurn(first);
  await send(second);
  await note("plain next turn", ["none"]);
  await send(await each.next(second, stage));
  await note(each.title, each.expected);
  return found;
}

// --- internal ---

let stories = 0;

async function post(origin: string, request: Request, stream: boolean): Promise<void> {
  const { session, agentId, api } = request;
  const { path, body } = api === undefined ? asAnthropic(request) : SHAPES[api](request);
  const answer = await fetch(origin + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(session && {
        "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
        "x-claude-code-session-id": session,
      }),
      ...(agentId && { "x-claude-code-agent-id": agentId }),
    },
    body: JSON.stringify({ ...body, stream, ...request.extra }),
    timeout: false,
  } as RequestInit);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${text.slice(0, 300)}`);
}

interface Sent {
  readonly path: string;
  readonly body: object;
}

const SHAPES: Readonly<Record<NonNullable<Request["api"]>, (request: Request) => Sent>> = {
  openai: ({ model, system, messages }) => ({
    path: "/v1/chat/completions",
    body: {
      model,
      max_tokens: 4,
      messages: [{ role: "system", content: system.join("\n") }, ...messages],
      stream_options: { include_usage: true },
    },
  }),
  responses: ({ model, system, messages }) => ({
    path: "/v1/responses",
    body: {
      model,
      max_output_tokens: 4,
      instructions: system.join("\n"),
      input: messages.map((message) => ({ type: "message", ...message })),
    },
  }),
};

function asAnthropic({ model, system, tools, messages }: Request): Sent {
  const blocks = system.map((text) => ({ type: "text", text }));
  return {
    path: "/v1/messages?beta=true",
    body: { model, messages, system: blocks, tools, max_tokens: 4 },
  };
}
