import { afterEach, describe, expect, test } from "bun:test";
import { createRepairs } from "../../src/proxy/repairs.ts";
import { readHead } from "../../src/request/request.ts";
import type { RewriteSettings } from "../../src/rewrite/pass.ts";
import { SessionMemory } from "../../src/session/memory.ts";
import { Upstream } from "../../src/upstream/upstream.ts";

const SETTINGS: RewriteSettings = { systemTurns: "fold", tools: "stable", projectParagraphs: "move" };

const servers: Bun.Server<undefined>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
});

/** A server with a template of this kind at each of these paths; asking it anything else is 404. */
function upstreamWith(propsAt: Readonly<Record<string, object>>): { upstream: Upstream; asked: string[] } {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      asked.push(pathname + search);
      const props = propsAt[pathname + search];
      return props ? Response.json(props) : new Response(null, { status: 404 });
    },
  });
  servers.push(server);
  const address = { origin: server.url.origin, basePath: "" };
  return { upstream: new Upstream(address, { waitMs: 10_000, timeoutMs: 10_000 }), asked };
}

const ANY_TEMPLATE = { total_slots: 1, chat_template: "{{ messages }}" };
const STRICT_TEMPLATE = { total_slots: 1, chat_template: "{{ raise_exception('roles must alternate') }}" };

const user = (content: string) => ({ role: "user", content });
const TWO_USER_TURNS = { model: "m", messages: [user("Hello"), user("More")] };
const SYSTEM_TURN = { messages: [user("Hello"), { role: "system", content: "S" }] };

interface Sent {
  readonly agent?: string;
  readonly userAgent?: string;
  readonly path?: string;
  readonly method?: string;
  readonly session?: string;
}

function send(repair: ReturnType<typeof createRepairs>, body: object, sent: Sent = {}) {
  const { path = "/v1/messages", method = "POST", session, agent, userAgent } = sent;
  const headers = new Headers(session === undefined ? {} : { "x-claude-code-session-id": session });
  if (userAgent !== undefined) headers.set("user-agent", userAgent);
  if (agent !== undefined) headers.set("x-claude-code-agent-id", agent);
  return repair(Buffer.from(JSON.stringify(body)), readHead(method, path, headers, performance.now()));
}

const toolsIn = (body: Uint8Array): string[] =>
  JSON.parse(Buffer.from(body).toString()).tools.map(({ name }: { name: string }) => name);
const toolsOf = (...names: string[]) => ({ tools: names.map((name) => ({ name })), messages: [] });

describe("turns and tools are repaired in Anthropic's API only", () => {
  test.each([
    ["/v1/messages", true],
    ["/v1/messages/count_tokens", true],
    ["/base/v1/messages", true],
    ["/v1/messages/", false],
    ["/v1/messages/batches", false],
    ["/v1/messagesx", false],
    ["/v1/chat/completions", false],
    ["/", false],
  ])("%s: %p", async (path, isRepaired) => {
    const { upstream } = upstreamWith({});
    const repair = createRepairs(SETTINGS, upstream, new SessionMemory());
    const { notes } = await send(repair, SYSTEM_TURN, { path });
    expect(notes).toEqual(isRepaired ? ["system turns folded: 1"] : []);
  });

  test("the header in the first message, in every API", async () => {
    const header = "x-anthropic-billing-header: cc_version=1;";
    const body = { messages: [{ role: "system", content: header }] };
    const { upstream } = upstreamWith({});
    const repair = createRepairs({ ...SETTINGS, systemTurns: "keep" }, upstream, new SessionMemory());
    const notes = async (path: string) => (await send(repair, body, { path })).notes;
    expect(await notes("/v1/chat/completions")).toEqual(["billing header made constant"]);
    expect(await notes("/base/v1/messages/count_tokens")).toEqual(["billing header made constant"]);
  });
});

describe("what is known of the server", () => {
  const JOINED = ["user turns joined with the one before: 1"];

  test("decides whether user turns in a row are joined", async () => {
    for (const [props, want] of [
      [ANY_TEMPLATE, []],
      [STRICT_TEMPLATE, JOINED],
    ] as const) {
      const repair = createRepairs(SETTINGS, upstreamWith({ "/props": props }).upstream, new SessionMemory());
      expect((await send(repair, TWO_USER_TURNS)).notes).toEqual(want);
    }
  });

  test("decides whether an image becomes a text", async () => {
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBOR" } };
    const body = { messages: [{ role: "user", content: [image] }] };
    for (const [vision, notes] of [
      [false, ["images and documents replaced by texts: 1"]],
      [true, []],
    ] as const) {
      const props = { ...ANY_TEMPLATE, modalities: { vision, audio: false } };
      const { upstream } = upstreamWith({ "/props": props });
      const settings = { ...SETTINGS, systemTurns: "keep" } as const;
      expect((await send(createRepairs(settings, upstream, new SessionMemory()), body)).notes).toEqual(notes);
    }
  });

  test("is of the server that the path's prefix names", async () => {
    const { upstream, asked } = upstreamWith({ "/upstream/strict/props": STRICT_TEMPLATE });
    const repair = createRepairs(SETTINGS, upstream, new SessionMemory());
    const { notes } = await send(repair, TWO_USER_TURNS, { path: "/upstream/strict/v1/messages" });
    expect(notes).toEqual(JOINED);
    expect(asked).toEqual(["/upstream/strict/props"]);
  });

  test("is of the server that the body's model names", async () => {
    const { upstream } = upstreamWith({
      "/props": { role: "router" },
      "/props?model=m&autoload=false": STRICT_TEMPLATE,
    });
    const repair = createRepairs(SETTINGS, upstream, new SessionMemory());
    expect((await send(repair, TWO_USER_TURNS)).notes).toEqual(JOINED);
  });

  test.each<[string, Partial<RewriteSettings>, object, Sent]>([
    ["turns are kept", { systemTurns: "keep" }, SYSTEM_TURN, {}],
    ["the request is for another API", {}, SYSTEM_TURN, { path: "/v1/chat/completions" }],
    ["the request is not a POST", {}, SYSTEM_TURN, { method: "PUT" }],
    ["the body cannot be read", {}, [], {}],
  ])("is not asked for if %s", async (_, settings, body, sent) => {
    const { upstream, asked } = upstreamWith({ "/props": ANY_TEMPLATE });
    await send(createRepairs({ ...SETTINGS, ...settings }, upstream, new SessionMemory()), body, sent);
    expect(asked).toEqual([]);
  });
});

test("the client's name decides whether paragraphs on the project are moved", async () => {
  const system = "You work.\n\n# Environment\n - Primary working directory: /w/demo";
  const body = { system, messages: [user("Hello")] };
  const repair = createRepairs(SETTINGS, upstreamWith({}).upstream, new SessionMemory());
  const notes = async (agent: string) => (await send(repair, body, { userAgent: agent })).notes;
  expect(await notes("claude-cli/2.1.332 (external, cli)")).toEqual(["1 project paragraph moved"]);
  expect(await notes("other-client/1.0")).toEqual([]);
});

describe("the order of a session's tools", () => {
  test("is remembered from request to request", async () => {
    const repair = createRepairs(SETTINGS, upstreamWith({}).upstream, new SessionMemory());
    expect(toolsIn((await send(repair, toolsOf("b", "a"), { session: "one" })).body)).toEqual(["b", "a"]);
    expect(toolsIn((await send(repair, toolsOf("a", "b"), { session: "two" })).body)).toEqual(["a", "b"]);
    const third = await send(repair, toolsOf("a", "b", "c"), { session: "one" });
    expect(toolsIn(third.body)).toEqual(["b", "a", "c"]);
  });

  test("is one of its own for each subagent", async () => {
    const repair = createRepairs(SETTINGS, upstreamWith({}).upstream, new SessionMemory());
    await send(repair, toolsOf("b", "a"), { session: "one" });
    const subagent = { session: "one", agent: "agent-1" };
    expect(toolsIn((await send(repair, toolsOf("a", "b"), subagent)).body)).toEqual(["a", "b"]);
    for (let request = 0; request < 60; request++) await send(repair, toolsOf("a"), subagent);
    expect(toolsIn((await send(repair, toolsOf("a", "b"), { session: "one" })).body)).toEqual(["b", "a"]);
  });

  test("is remembered between requests that wait for the server at the same time", async () => {
    const memory = new SessionMemory();
    const repair = createRepairs(SETTINGS, upstreamWith({ "/props": ANY_TEMPLATE }).upstream, memory);
    const orders = [toolsOf("b", "a"), toolsOf("a", "b", "c"), toolsOf("c", "a", "b")];
    const sent = await Promise.all(orders.map((body) => send(repair, body, { session: "one" })));
    expect(sent.map(({ body }) => toolsIn(body))).toEqual([
      ["b", "a"],
      ["b", "a", "c"],
      ["b", "a", "c"],
    ]);
    expect(memory.get("one").toolOrder?.map(({ name }) => name)).toEqual(["b", "a", "c"]);
  });

  test.each<[string, Partial<RewriteSettings>, Sent]>([
    ["without a session", {}, {}],
    ["with an id that is not one", {}, { session: "a b" }],
    ["with --tools keep", { tools: "keep" }, { session: "one" }],
    ["in another API", {}, { session: "one", path: "/v1/chat/completions" }],
  ])("stays as the client sends it %s", async (_, settings, sent) => {
    const repair = createRepairs(
      { ...SETTINGS, ...settings },
      upstreamWith({}).upstream,
      new SessionMemory(),
    );
    await send(repair, toolsOf("b", "a"), sent);
    expect(toolsIn((await send(repair, toolsOf("a", "b"), sent)).body)).toEqual(["a", "b"]);
  });
});
