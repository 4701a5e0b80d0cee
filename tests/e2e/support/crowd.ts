import { type Random, seeded } from "../../support/seeded.ts";

/** A conversation of a scripted Claude Code session: the main one, or that of its subagent. */
export interface Talk {
  /** For people: `session-3` or `session-3 agent`. */
  readonly name: string;
  /** Adds the model's last answer and the user's next words, and returns the request of this turn. */
  turn(): Turn;
}

export interface Turn {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What became of a turn. */
export interface Served {
  readonly talk: string;
  readonly status: number;
  /** The name that the balancer gives to the server. */
  readonly server: string;
}

/** `sessions` scripted sessions with a subagent each: prompts of about 500 tokens that grow by about 50 with each turn. */
export function crowd(sessions: number, seed = 1): Talk[] {
  return Array.from({ length: sessions }, (_, at) => [
    talk(`session-${at}`, seeded(seed * 1_000 + at), { "x-claude-code-session-id": `session-${at}` }),
    talk(`session-${at} agent`, seeded(seed * 2_000 + at), {
      "x-claude-code-session-id": `session-${at}`,
      "x-claude-code-agent-id": `agent-${at}`,
    }),
  ]).flat();
}

/** Each conversation takes its next `turns` turns, one after the other; all conversations do so at the same time. */
export async function speak(talks: readonly Talk[], turns: number, origin: string): Promise<Served[]> {
  const served = await Promise.all(
    talks.map(async (each) => {
      const own: Served[] = [];
      for (let turn = 0; turn < turns; turn++) own.push(await send(each, origin));
      return own;
    }),
  );
  return served.flat();
}

/** The servers that each conversation was on, in the order in which it came to them. */
export function placesOf(served: readonly Served[]): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  for (const { talk, server } of served) {
    const own = places.get(talk) ?? [];
    if (own.at(-1) !== server) own.push(server);
    places.set(talk, own);
  }
  return places;
}

// --- internal ---

/** Every session has a system prompt of its own, as in projects of their own: no conversation takes over the slot of another one. */
function talk(name: string, random: Random, headers: Record<string, string>): Talk {
  const system = `You work on ${name}. ${words(random, 220)}`;
  const messages: object[] = [];
  let requests = 0;
  return {
    name,
    turn() {
      if (messages.length > 0) messages.push({ role: "assistant", content: words(random, 10) });
      messages.push({ role: "user", content: words(random, 15) });
      // A hash in the header that changes with every request, as in Claude Code 2.1.119.
      const cch = (requests++ + 0xa000).toString(16).padStart(5, "0");
      const header = `x-anthropic-billing-header: cc_version=2.1.119.a1e; cc_entrypoint=cli; cch=${cch};`;
      const blocks = [header, system].map((text) => ({ type: "text", text }));
      return {
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ model: "m", max_tokens: 1, stream: true, system: blocks, messages }),
      };
    },
  };
}

async function send({ name, turn }: Talk, origin: string): Promise<Served> {
  const { headers, body } = turn();
  const options = { method: "POST", headers, body, timeout: false, keepalive: false } as RequestInit;
  const answer = await fetch(`${origin}/v1/messages?beta=true`, options);
  await answer.text();
  return { talk: name, status: answer.status, server: answer.headers.get("x-served-by") ?? "" };
}

function words(random: Random, count: number): string {
  return random.some(count, count, () => random.pick(WORDS)).join(" ");
}

const WORDS = [
  "the file reads a line and returns every number before it",
  "parser",
  "socket",
  "branch",
  "of",
  "each",
  "test",
  "cache",
  "buffer",
  "module",
  "writes",
  "moves",
  "slowly",
  "again",
  "without",
  "server",
] as const;
