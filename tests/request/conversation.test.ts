import { describe, expect, test } from "bun:test";
import { conversationOf } from "../../src/request/conversation.ts";
import type { ApiShape } from "../../src/request/endpoints.ts";
import { describe as describeRequest, readHead } from "../../src/request/request.ts";
import { readBody } from "../../src/rewrite/rewrite.ts";

const NO_HEADERS = new Headers();

describe("a conversation with Claude Code's headers", () => {
  const key = (session: string, agent_id?: string, start?: string): string | undefined =>
    conversationOf(NO_HEADERS, { session, ...(agent_id && { agent_id }) }, start);

  test("has the same key whatever its body starts with", () => {
    expect(key("s1", undefined, "one")).toBe(key("s1", undefined, "other")!);
    expect(key("s1")).toMatch(/^[0-9a-f]{16}$/);
  });

  test("has a key of its own, and so has each subagent", () => {
    const keys = [key("s1"), key("s2"), key("s1", "a1"), key("s1", "a2"), key("s1a1"), key("s2", "a1")];
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("keeps its key from one version to the next", () => {
    expect(key("0b5f0f6e-6c8f-4a5e-9d3a-0d8f1f2f6f10", "agent-7")).toBe("813bdaa1e1c481c5");
  });
});

describe("a key that the client or a balancer has set", () => {
  const given = (value: string): string | undefined =>
    conversationOf(new Headers({ "x-cache-proxy-conversation": value }), { session: "s1" }, "start");

  test("is kept", () => {
    expect(given("session-1.agent@2")).toBe("session-1.agent@2");
  });

  test.each([["a b"], ["a/b"], ["ä"], ["x".repeat(129)]])("is replaced if it is %p", (value) => {
    expect(given(value)).toBe(conversationOf(NO_HEADERS, { session: "s1" }, undefined)!);
  });
});

describe("without headers, the key depends on the texts that a conversation starts with", () => {
  const BILLING = "x-anthropic-billing-header: cc_version=2.1.119.a1e; cc_entrypoint=cli; cch=";
  const text = (words: string, more: object = {}) => [{ type: "text", text: words, ...more }];
  const user = (content: unknown) => ({ role: "user", content });
  const later = [{ role: "assistant", content: "yes" }, user("go on"), { role: "system", content: "late" }];

  const SAME: readonly [string, ApiShape, object, object][] = [
    [
      "the next turn",
      "anthropic",
      { system: "S", messages: [user("U")] },
      { system: "S", messages: [user("U"), ...later] },
    ],
    [
      "a turn written as a string, not as an array with cache_control",
      "anthropic",
      { system: text("S"), messages: [user(text("U", { cache_control: { type: "ephemeral" } }))] },
      { system: text("S"), messages: [user("U")] },
    ],
    [
      "other keys, in another order",
      "anthropic",
      { model: "a", system: "S", messages: [user("U")] },
      { messages: [user("U")], tools: [], system: "S", model: "b" },
    ],
    [
      "another billing header in a block of its own",
      "anthropic",
      { system: [...text(`${BILLING}f5645;`), ...text("S")], messages: [user("U")] },
      { system: [...text(`${BILLING}0a1b2;`), ...text("S")], messages: [user("U")] },
    ],
    [
      "another billing header in front of the system prompt",
      "anthropic",
      { system: `${BILLING}f5645;\nS`, messages: [user("U")] },
      { system: `${BILLING}0a1b2;\nS`, messages: [user("U")] },
    ],
    [
      "the next turn in OpenAI's API",
      "openai",
      { messages: [{ role: "system", content: "S" }, user("U")] },
      { messages: [{ role: "system", content: "S" }, user("U"), ...later] },
    ],
    [
      "the next turn of the Responses API",
      "responses",
      { instructions: "S", input: [user([{ type: "input_text", text: "U" }])] },
      { instructions: "S", input: [user([{ type: "input_text", text: "U" }]), ...later] },
    ],
    ["a longer prompt", "completion", { prompt: "P".repeat(300) }, { prompt: "P".repeat(400) }],
  ];
  test.each(SAME)("the same for %s", (_, api, one, other) => {
    expect(startOf(one, api)).toBe(startOf(other, api)!);
    expect(startOf(one, api)).toMatch(/^[0-9a-f]{16}$/);
  });

  const start = { system: "S", messages: [user("U")] };
  const OTHER: readonly [string, ApiShape, object, object][] = [
    ["another system prompt", "anthropic", start, { ...start, system: "S2" }],
    ["another first user turn", "anthropic", start, { ...start, messages: [user("U2")] }],
    [
      "the same bytes, cut elsewhere",
      "anthropic",
      { system: "SU", messages: [user("")] },
      { system: "S", messages: [user("U")] },
    ],
    [
      "another system prompt in OpenAI's API",
      "openai",
      { messages: [{ role: "system", content: "S" }, user("U")] },
      { messages: [{ role: "system", content: "S2" }, user("U")] },
    ],
    ["another prompt", "completion", { prompt: "P" }, { prompt: "P2" }],
  ];
  test.each(OTHER)("another for %s", (_, api, one, other) => {
    expect(startOf(one, api)).not.toBe(startOf(other, api)!);
  });

  test("unknown for a body without any text, or that is not JSON", () => {
    expect(startOf({ model: "m" }, "anthropic")).toBeUndefined();
    expect(readBody(Buffer.from("text"), "anthropic", SETTINGS).facts.start).toBeUndefined();
  });
});

test("only inference requests have a key", () => {
  const headers = new Headers({ "x-claude-code-session-id": "s1" });
  const keyFor = (method: string, path: string) =>
    describeRequest(readHead(method, path, headers, 0), {}, 0).conversation;
  expect(keyFor("POST", "/v1/messages")).toBe(conversationOf(NO_HEADERS, { session: "s1" }, undefined)!);
  expect(keyFor("POST", "/v1/messages/count_tokens")).toBeUndefined();
  expect(keyFor("GET", "/v1/models")).toBeUndefined();
});

// --- internal ---

const SETTINGS = { systemTurns: "fold", tools: "stable", projectParagraphs: "move" } as const;

function startOf(body: object, api: ApiShape): string | undefined {
  return readBody(Buffer.from(JSON.stringify(body)), api, SETTINGS).facts.start;
}
