/** Pings while the upstream is silent: whatever follows them, the session of a real Claude Code ends normally. */
import { expect, test } from "bun:test";
import { createRepairs } from "../../src/proxy/repairs.ts";
import { startProxy } from "../../src/proxy/server.ts";
import { SessionMemory } from "../../src/session/memory.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { NOBODY } from "../support/unobserved.ts";
import { claudeCode } from "./setup/claude-code.ts";
import { newUser, runSession } from "./support/claude.ts";
import { type Fault, startFaultyUpstream, type Trouble } from "./support/faulty-upstream.ts";
import type { Recorded } from "./support/recording.ts";
import { type Conversation, type Scenario, text, tool, wordsIn } from "./support/scenario.ts";

/** Pings are much more frequent than by default, and the upstream is silent for several of them. */
const PING_MS = 50;
const SILENCE_MS = 300;

const SCENARIO: Scenario = {
  "Count the notes": [
    [tool("Bash", { command: "wc -l notes.txt", description: "Count the lines" })],
    [text("All is counted.")],
  ],
};

const claude = await claudeCode("2.1.330");
const error = (type: string, status: number): Fault => ({
  status,
  body: { error: { code: status, type, message: "no" } },
});

test("a late answer: the client waits and sends nothing twice", async () => {
  const { session, requests } = await sessionWith({
    fault: "break",
    silenceMs: 10 * SILENCE_MS,
    isDue: () => false,
  });
  expect(session).toMatchObject({ exitCode: 0, output: expect.stringContaining("All is counted.") });
  expect(requests).toHaveLength(2);
}, 120_000);

/** How the client asks again after each failure, as measured. */
const ONCE: readonly { name: string; fault: Fault; asksAgain: "streaming" | "without streaming" }[] = [
  { name: "the connection breaks", fault: "break", asksAgain: "streaming" },
  { name: "429", fault: error("rate_limit_error", 429), asksAgain: "streaming" },
  {
    name: "503, as from a server that is loading its model",
    fault: error("unavailable_error", 503),
    asksAgain: "streaming",
  },
  { name: "529", fault: error("overloaded_error", 529), asksAgain: "streaming" },
  { name: "500", fault: error("server_error", 500), asksAgain: "without streaming" },
  { name: "404", fault: error("not_found_error", 404), asksAgain: "without streaming" },
];

for (const { name, fault, asksAgain } of ONCE) {
  test(`after pings, ${name}: the client asks again, ${asksAgain}, and the session ends normally`, async () => {
    const isDue: Trouble["isDue"] = ({ messages }, before) => before === 0 && messages.some(isAnswer);
    const { session, requests } = await sessionWith({ fault, silenceMs: SILENCE_MS, isDue });
    expect(session).toMatchObject({ exitCode: 0, output: expect.stringContaining("All is counted.") });
    expect(requests.map(streams)).toEqual([true, true, asksAgain === "streaming"]);
  }, 120_000);
}

test("after pings, the context is too small: the client compacts, and the session ends normally", async () => {
  const fault = {
    status: 400,
    body: { error: { code: 400, type: "exceed_context_size_error", n_prompt_tokens: 9000, n_ctx: 8192 } },
  };
  // Too long until it is compacted, except for the request for the summary, which ends with a message of its own.
  const isDue: Trouble["isDue"] = ({ messages }) =>
    messages.some(isAnswer) && wordsIn(messages.at(-1)) === "";
  const { session, requests } = await sessionWith({ fault, silenceMs: SILENCE_MS, isDue });
  expect(session.exitCode).toBe(0);
  expect(requests.map(streams)).toEqual([true, true, false, true, true]);
  expect(JSON.stringify(requests.at(-1)?.messages)).toContain("Nothing more to do.");
}, 120_000);

// --- internal ---

async function sessionWith(trouble: Trouble) {
  await using upstream = await startFaultyUpstream(SCENARIO, trouble);
  const proxy = patientProxy(upstream.origin);
  try {
    using user = newUser();
    const session = await runSession("Count the notes", { claude, user, baseUrl: proxy.url });
    return { session, requests: upstream.requests.map(conversationOf) };
  } finally {
    await proxy.kill();
  }
}

/** The proxy runs in this process, since the binary has no flag for the time between pings. */
function patientProxy(origin: string) {
  const upstream = new Upstream({ origin, basePath: "" });
  return startProxy({
    host: "127.0.0.1",
    port: 0,
    allowHosts: [],
    upstream,
    repair: createRepairs(
      { systemTurns: "fold", tools: "keep", projectParagraphs: "move" },
      upstream,
      new SessionMemory(),
    ),
    observer: NOBODY,
    limits: { firstPingMs: PING_MS, nextPingMs: PING_MS },
  });
}

function conversationOf({ body }: Recorded): Conversation {
  return JSON.parse(Buffer.from(body).toString()) as Conversation;
}

function streams({ stream }: Conversation): boolean {
  return stream === true;
}

function isAnswer({ role }: { role: string }): boolean {
  return role === "assistant";
}
