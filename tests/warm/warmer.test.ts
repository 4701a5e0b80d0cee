import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONVERSATION_HEADER } from "../../src/request/conversation.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { Heads } from "../../src/warm/heads.ts";
import type { WarmUp, WarmUpResult } from "../../src/warm/listener.ts";
import { Warmer } from "../../src/warm/warmer.ts";
import { proxyTo } from "../support/proxy.ts";
import { type Asked, EMPTY_SLOT, type FakeLlama, IDLE_SLOT, startFakeLlama } from "./fake-llama.ts";

const QUIET_MS = 10;
/** Long enough for anything that is due after 10 ms; nothing has to happen within it. */
const LONG_MS = 150;

type Ended = WarmUp & Partial<WarmUpResult>;

let llama: FakeLlama;
let stack: AsyncDisposableStack;
let folder: string;
/** How often a proxy has noticed that the server is gone. */
let losses = 0;

beforeEach(() => {
  llama = startFakeLlama();
  stack = new AsyncDisposableStack();
  stack.use(llama);
  folder = mkdtempSync(join(tmpdir(), "cache-proxy-warm-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
});

afterEach(() => stack.disposeAsync());

function start({ heads = undefined as Heads | undefined } = {}) {
  const { origin } = new URL(llama.origin);
  const upstream = new Upstream({ origin, basePath: "" });
  upstream.on("lost", () => {
    losses += 1;
  });
  const ended: Ended[] = [];
  const warmer = new Warmer({
    later: (job) => job(),
    upstream,
    heads,
    listener: { started() {}, ended: (warmUp, result) => void ended.push({ ...warmUp, ...result }) },
    times: { quietMs: QUIET_MS, watchMs: 20 },
  });
  stack.defer(() => warmer.close());
  const proxy = proxyTo(llama.origin, { upstream, observer: warmer, repair: repairing });
  stack.use(proxy);
  return { url: proxy.url, ended, warmer, upstream };
}

/** The facts that the real repairs read. */
const repairing = (body: Uint8Array) => {
  const { tools, stream, model } = JSON.parse(Buffer.from(body).toString());
  return { body, notes: [], facts: { tools: tools?.length, stream, model } };
};

interface Said {
  readonly session?: string;
  readonly messages?: readonly object[];
  readonly headers?: Record<string, string>;
  readonly body?: object;
}

const WORDS = [{ role: "user", content: "Count the notes." }];

/** Sends a main conversation's request, as Claude Code does. */
function say(
  url: string,
  { session = "s1", messages = WORDS, headers = {}, body = {} }: Said = {},
): Promise<string> {
  const sent = fetch(`${url}/v1/messages?beta=true`, {
    method: "POST",
    keepalive: false,
    headers: {
      "content-type": "application/json",
      "user-agent": "claude-cli/2.1.332 (external, cli)",
      "x-claude-code-session-id": session,
      ...headers,
    },
    body: JSON.stringify({
      model: "m",
      max_tokens: 500,
      stream: true,
      tools: [{ name: "Bash" }],
      messages,
      ...body,
    }),
  });
  return sent.then((answer) => answer.text());
}

/** One turn from the user's words to the end of the answer. */
async function turn(url: string, said: Said = {}, reply: Parameters<Asked["answer"]>[0] = {}): Promise<void> {
  const answered = say(url, said);
  (await llama.next()).answer(reply);
  await answered;
}

async function warmUp(): Promise<Asked> {
  const asked = await llama.next();
  expect(asked.isWarmUp).toBe(true);
  return asked;
}

const nothing = async (): Promise<void> => {
  await Bun.sleep(LONG_MS);
  expect(llama.waiting).toBe(0);
};

const done = async (ended: readonly Ended[], count = 1): Promise<void> => {
  while (ended.length < count) await Bun.sleep(1);
};

describe("after a turn", () => {
  test("the next request's prompt is evaluated: the request, its answer, and a placeholder for the user's words", async () => {
    const { url, ended } = start();
    await turn(url, {}, { text: "Nine.", prompt: 100 });
    const warm = await warmUp();
    expect(warm.target).toBe("/v1/messages?beta=true");
    expect(warm.body).toEqual({
      ...{ model: "m", max_tokens: 1, stream: true, tools: [{ name: "Bash" }] },
      messages: [
        ...WORDS,
        { role: "assistant", content: [{ type: "text", text: "Nine." }] },
        { role: "user", content: [{ type: "text", text: "." }] },
      ],
    });
    warm.answer({ prompt: 7 });
    await done(ended);
    expect(ended).toEqual([
      {
        ...{ reason: "turn", session: "s1", model: "m", outcome: "complete", pieces: 1, evaluated_tokens: 7 },
        ms: expect.any(Number),
      },
    ]);
  });

  test("each state is warmed once", async () => {
    const { url, ended } = start();
    await turn(url);
    (await warmUp()).answer();
    await done(ended);
    await nothing();
    await turn(url);
    (await warmUp()).answer();
    await done(ended, 2);
    await nothing();
  });

  test.each([
    ["a tool call is to be answered", {}, { stopReason: "tool_use" }],
    ["the answer was cut off", {}, { stopReason: "max_tokens" }],
    ["the client is another one", { headers: { "user-agent": "curl/8" } }, {}],
    ["it is a subagent's", { headers: { "x-claude-code-agent-id": "a1" } }, {}],
    ["it is a side request", { body: { tools: [] } }, {}],
  ] satisfies [string, Said, object][])("nothing is sent when %s", async (_, said, reply) => {
    const { url } = start();
    await turn(url, said, reply);
    await nothing();
  });

  test("nothing is sent for an answer that broke off or failed", async () => {
    const { url } = start();
    for (const response of [
      Response.json({ error: { message: "no" } }, { status: 400 }),
      new Response('event: message_start\ndata: {"type":"message_start","message":{}}\n\n', {
        headers: { "content-type": "text/event-stream" },
      }),
    ]) {
      const answered = say(url);
      (await llama.next()).respond(response);
      await answered;
    }
    await nothing();
  });

  test("the client's key goes along", async () => {
    const { url } = start();
    await turn(url, { headers: { authorization: "Bearer k" } });
    const { headers } = await warmUp();
    expect(headers.get("authorization")).toBe("Bearer k");
    expect(headers.get("content-type")).toBe("application/json");
  });
});

describe("a request that arrives", () => {
  test("aborts the warm-up at once, and the warm-up goes on when the request has ended", async () => {
    const { url, ended } = start();
    await turn(url);
    const first = await warmUp();
    const side = say(url, { body: { tools: [] } });
    await first.left;
    const asked = await llama.next();
    expect(asked.isWarmUp).toBe(false);
    await done(ended);
    expect(ended).toMatchObject([{ outcome: "aborted", pieces: 0 }]);
    await nothing();
    asked.answer();
    await side;
    (await warmUp()).answer();
    await done(ended, 2);
    expect(ended[1]).toMatchObject({ outcome: "complete", pieces: 1 });
  });

  test("of the same conversation replaces what was to be warmed", async () => {
    const { url, ended } = start();
    await turn(url);
    const first = await warmUp();
    const messages = [...WORDS, { role: "assistant", content: "Done." }, { role: "user", content: "Again." }];
    const second = say(url, { messages });
    await first.left;
    (await llama.next()).answer({ text: "Nine again." });
    await second;
    const warm = await warmUp();
    expect(warm.body.messages).toHaveLength(5);
    warm.answer();
    await done(ended, 2);
    await nothing();
  });

  test("that is a GET does not disturb", async () => {
    const { url, ended } = start();
    await turn(url);
    const warm = await warmUp();
    await fetch(`${url}/props`, { keepalive: false });
    warm.answer();
    await done(ended);
    expect(ended).toMatchObject([{ outcome: "complete" }]);
  });

  test("keeps warm-ups away as long as it runs", async () => {
    const { url } = start();
    await turn(url);
    const running = say(url, { session: "s2" });
    const asked = await llama.next();
    await nothing();
    asked.answer({ stopReason: "tool_use" });
    await running;
  });
});

describe("other conversations", () => {
  test("keep their slot: only the latest is warmed where /slots says nothing", async () => {
    llama.slots = undefined;
    const { url, ended } = start();
    const first = say(url, { session: "s1" });
    const second = say(url, { session: "s2" });
    const [one, other] = [await llama.next(), await llama.next()];
    one.answer();
    other.answer();
    await Promise.all([first, second]);
    (await warmUp()).answer();
    await done(ended);
    await nothing();
  });

  test("are warmed too if a slot still holds them", async () => {
    llama.slots = [IDLE_SLOT, { ...IDLE_SLOT, id: 1, n_prompt_tokens: 60 }];
    const { url, ended } = start();
    const first = say(url, { session: "s1" });
    const asked = await llama.next();
    await turn(url, { session: "s2" }, { prompt: 30, output: 30 });
    asked.answer({ prompt: 100, output: 20 });
    await first;
    (await warmUp()).answer();
    (await warmUp()).answer();
    await done(ended, 2);
    expect(ended.map(({ session }) => session).toSorted()).toEqual(["s1", "s2"]);
  });

  test("of a subagent count as well", async () => {
    llama.slots = undefined;
    const { url } = start();
    const first = say(url);
    const asked = await llama.next();
    const second = say(url, { headers: { "x-claude-code-agent-id": "a1" } });
    const other = await llama.next();
    asked.answer();
    other.answer();
    await Promise.all([first, second]);
    await nothing();
  });
});

describe("the server", () => {
  test("is never woken", async () => {
    const { url } = start();
    llama.props = { ...(llama.props as object), is_sleeping: true };
    llama.questions.length = 0;
    await turn(url);
    await nothing();
    expect(new Set(llama.questions)).toEqual(new Set(["/props"]));
  });

  test("is left alone while a slot is busy", async () => {
    llama.slots = [{ ...IDLE_SLOT, is_processing: true }];
    const { url, ended } = start();
    await turn(url);
    await nothing();
    llama.slots = [IDLE_SLOT];
    (await warmUp()).answer();
    await done(ended);
  });

  test("is left alone if it is not llama-server", async () => {
    llama.props = Response.json({}, { status: 404 });
    const { url } = start();
    await turn(url);
    await nothing();
    llama.questions.length = 0;
    await nothing();
    expect(llama.questions).toEqual([]);
  });

  test.each([
    ["an error", () => Response.json({ error: { message: "no" } }, { status: 500 })],
    [
      "an error in its stream",
      () =>
        new Response('event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no"}}\n\n', {
          headers: { "content-type": "text/event-stream" },
        }),
    ],
  ])("is left alone after %s, until a request has succeeded", async (_, response) => {
    const { url, ended } = start();
    await turn(url);
    (await warmUp()).respond(response());
    await done(ended);
    expect(ended).toMatchObject([{ outcome: "failed", pieces: 0 }]);
    await nothing();
    const failing = say(url);
    (await llama.next()).respond(Response.json({}, { status: 400 }));
    await failing;
    await nothing();
    await turn(url);
    await warmUp();
  });
});

describe("several servers after a balancer", () => {
  test("a warm-up goes to the server of its conversation", async () => {
    const { url } = start();
    const answered = say(url);
    const real = await llama.next();
    real.answer();
    await answered;
    const key = real.headers.get(CONVERSATION_HEADER);
    expect(key).toBeString();
    expect((await warmUp()).headers.get(CONVERSATION_HEADER)).toBe(key);
  });

  test("only the latest conversation is warmed: the slots are those of one server", async () => {
    const { url, ended, upstream } = start();
    for (const name of ["one", "two"])
      upstream.replicas.note(undefined, new Headers({ "x-served-by": name }));
    const first = say(url, { session: "s1" });
    const asked = await llama.next();
    await turn(url, { session: "s2" });
    asked.answer({ prompt: 100, output: 20 });
    await first;
    (await warmUp()).answer();
    await done(ended);
    expect(ended).toMatchObject([{ session: "s2" }]);
    await nothing();
  });
});

describe("a long warm-up", () => {
  const call = (id: number) => ({
    role: "assistant",
    content: [
      { type: "thinking", thinking: `Thought ${id}.`, signature: "" },
      { type: "tool_use", id: `t${id}`, name: "Bash", input: {} },
    ],
  });
  const result = (id: number) => ({
    role: "user",
    content: [{ type: "tool_result", tool_use_id: `t${id}`, content: "x".repeat(5_000) }],
  });
  const LOOP = [...WORDS, ...[1, 2, 3].flatMap((id) => [call(id), result(id)])];
  /** Renders thinking only after the last user message, as Qwen3.5's does. */
  const dropping: FakeLlama["template"] = (messages) => {
    const last = messages.findLastIndex(({ role }) => role === "user");
    return messages
      .map(({ reasoning_content, ...message }: Record<string, unknown>, index) =>
        JSON.stringify(index > last ? { reasoning_content, ...message } : message),
      )
      .join("\n");
  };
  /** Renders thinking only after the last answer, as gpt-oss's does. */
  const droppingAfterAnswer: FakeLlama["template"] = (messages) => {
    const last = messages.findLastIndex(
      ({ role, ...message }) => role === "assistant" && !("tool_calls" in message),
    );
    return messages
      .map(({ reasoning_content, ...message }: Record<string, unknown>, index) =>
        JSON.stringify(index > last ? { reasoning_content, ...message } : message),
      )
      .join("\n");
  };
  const keeping: FakeLlama["template"] = (messages) =>
    messages.map((message) => JSON.stringify(message)).join("\n");
  const lengths = async (count: number): Promise<number[]> => {
    const found: number[] = [];
    for (let index = 0; index < count; index++) {
      const warm = await warmUp();
      found.push(warm.body.messages.length);
      warm.answer({ prompt: 1_000 });
    }
    return found;
  };

  test("goes out in growing pieces where the template renders the loop again", async () => {
    llama.template = dropping;
    const { url, ended } = start();
    await turn(url, { messages: LOOP });
    // A piece has a placeholder after its last result; the whole has the answer, too.
    expect(await lengths(3)).toEqual([4, 6, 9]);
    await done(ended);
    expect(ended).toMatchObject([{ outcome: "complete", pieces: 3, evaluated_tokens: 3_000 }]);
  });

  test("has an answer in each piece where the template looks for one", async () => {
    llama.template = droppingAfterAnswer;
    const { url, ended } = start();
    await turn(url, { messages: LOOP });
    expect(await lengths(3)).toEqual([5, 7, 9]);
    await done(ended);
  });

  test.each([
    ["keeps everything", keeping],
    ["cannot be asked for", undefined],
  ])("goes out as one where the template %s: a shorter piece would empty the slot", async (_, template) => {
    llama.template = template;
    const { url, ended } = start();
    await turn(url, { messages: LOOP });
    expect(await lengths(1)).toEqual([9]);
    await done(ended);
    await nothing();
  });

  test("goes on where it was aborted", async () => {
    llama.template = dropping;
    const { url, ended } = start();
    await turn(url, { messages: LOOP });
    expect(await lengths(1)).toEqual([4]);
    const second = await warmUp();
    expect(second.body.messages).toHaveLength(6);
    const side = say(url, { body: { tools: [] } });
    await second.left;
    (await llama.next()).answer();
    await side;
    expect(await lengths(2)).toEqual([6, 9]);
    await done(ended, 2);
    expect(ended).toMatchObject([
      { outcome: "aborted", pieces: 1 },
      { outcome: "complete", pieces: 2 },
    ]);
  });

  test("asks for the template once", async () => {
    llama.template = dropping;
    const { url, ended } = start();
    for (const count of [1, 2]) {
      await turn(url, { messages: LOOP });
      await lengths(3);
      await done(ended, count);
    }
    expect(llama.questions.filter((path) => path === "/apply-template")).toHaveLength(3);
  });
});

describe("after a restart of the server", () => {
  async function restart(): Promise<void> {
    const before = losses;
    await llama.stop();
    while (losses === before) await Bun.sleep(1);
    llama.slots = [EMPTY_SLOT];
    llama.start();
  }

  test("the most recent conversation is evaluated again", async () => {
    const { url, ended } = start();
    await turn(url, { session: "s1" });
    (await warmUp()).answer();
    await done(ended);
    await turn(url, { session: "s2" }, { stopReason: "tool_use" });
    await restart();
    const warm = await warmUp();
    expect(warm.body).toMatchObject({ messages: WORDS, max_tokens: 1 });
    llama.slots = [IDLE_SLOT];
    warm.answer();
    await done(ended, 2);
    expect(ended[1]).toMatchObject({ reason: "restart", session: "s2", outcome: "complete" });
    await nothing();
  });

  test("another one follows into an empty slot, if it would not get the first one's", async () => {
    llama.slots = [EMPTY_SLOT, EMPTY_SLOT];
    const { url, ended } = start();
    const other = { system: "Another client.", tools: [{ name: "Edit" }] };
    await turn(url, { session: "s1", body: { system: "You help." } }, { stopReason: "tool_use" });
    await turn(url, { session: "s2", body: other }, { stopReason: "tool_use" });
    await turn(url, { session: "s3", body: other }, { stopReason: "tool_use" });
    await restart();
    llama.slots = [EMPTY_SLOT, EMPTY_SLOT];
    const first = await warmUp();
    llama.slots = [IDLE_SLOT, EMPTY_SLOT];
    first.answer();
    (await warmUp()).answer();
    await done(ended, 2);
    expect(ended.map(({ session }) => session)).toEqual(["s3", "s1"]);
    await nothing();
  });

  test("a warm-up that a side request aborts goes on after it", async () => {
    const { url, ended } = start();
    await turn(url, {}, { stopReason: "tool_use" });
    await restart();
    const first = await warmUp();
    llama.slots = [IDLE_SLOT];
    const side = say(url, { body: { tools: [] } });
    await first.left;
    (await llama.next()).answer();
    await side;
    (await warmUp()).answer();
    await done(ended, 2);
    expect(ended.map(({ outcome }) => outcome)).toEqual(["aborted", "complete"]);
  });

  test("nothing is sent while the server loads its model", async () => {
    const { url } = start();
    await turn(url, {}, { stopReason: "tool_use" });
    const props = llama.props;
    llama.props = Response.json({ error: { message: "Loading model" } }, { status: 503 });
    await restart();
    await nothing();
    llama.props = props;
    await warmUp();
  });

  test("a server that died of a warm-up is left alone", async () => {
    const { url, ended } = start();
    await turn(url);
    await warmUp();
    await restart();
    await done(ended);
    expect(ended).toMatchObject([{ outcome: "failed" }]);
    await nothing();
  });
});

describe("a remembered head", () => {
  const REMINDER = { type: "text", text: "<system-reminder>\nWorking directory: /shop\n</system-reminder>" };
  const first = { role: "user", content: [REMINDER, { type: "text", text: "secret" }] };
  const warmed = { role: "user", content: [REMINDER, { type: "text", text: "." }] };
  const remembering = () => ({ heads: new Heads(join(folder, "heads")) });

  async function yesterday(): Promise<void> {
    const { url, warmer, ended } = start(remembering());
    await turn(url, { messages: [first] });
    (await warmUp()).answer();
    await done(ended);
    warmer.close();
  }

  test("is evaluated when the proxy starts", async () => {
    await yesterday();
    llama.slots = [EMPTY_SLOT];
    const { ended } = start(remembering());
    const warm = await warmUp();
    expect(warm.body).toMatchObject({ messages: [warmed], max_tokens: 1 });
    llama.slots = [IDLE_SLOT];
    warm.answer();
    await done(ended);
    expect(ended).toMatchObject([{ reason: "start", outcome: "complete" }]);
    await nothing();
  });

  test("is evaluated when the server comes up after the proxy", async () => {
    await yesterday();
    await llama.stop();
    start(remembering());
    await Bun.sleep(LONG_MS);
    llama.slots = [EMPTY_SLOT];
    llama.start();
    expect((await warmUp()).body.messages).toEqual([warmed]);
  });

  test("takes no slot that holds something", async () => {
    await yesterday();
    llama.slots = [EMPTY_SLOT, IDLE_SLOT];
    start(remembering());
    await nothing();
  });

  test("is not evaluated after a request", async () => {
    await yesterday();
    llama.slots = [EMPTY_SLOT];
    const { url } = start(remembering());
    await turn(url, { messages: [first] }, { stopReason: "tool_use" });
    await nothing();
  });

  test("is not kept unless asked for", async () => {
    const { url, ended } = start();
    await turn(url, { messages: [first] });
    (await warmUp()).answer();
    await done(ended);
    expect(await new Heads(join(folder, "heads")).latest()).toBeUndefined();
  });
});
