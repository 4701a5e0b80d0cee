import { describe, expect, test } from "bun:test";
import type { BodyFacts } from "../../src/request/request.ts";
import { CONSTANT_HEADER } from "../../src/rewrite/passes/billing-header.ts";
import { conversation } from "../support/conversation.ts";
import { serialize } from "../support/json.ts";
import { property } from "../support/seeded.ts";
import {
  expectUnchanged,
  FOLD,
  HEADER_ONLY,
  OPENAI,
  rewriteAt,
  rewriteChecked,
  type Setup,
  STRICT,
  withConstantHeader,
} from "./checked.ts";

const HEADER = "x-anthropic-billing-header: cc_version=2.1.330.803; cc_entrypoint=cli;";

/** A body that every pass changes, with keys in the order of Claude Code 2.1.330. */
const BODY = JSON.stringify({
  model: "claude-opus-4-8",
  messages: [
    { role: "user", content: "Hello" },
    { role: "system", content: "Environment" },
  ],
  system: [
    { type: "text", text: HEADER },
    { type: "text", text: "You are Claude Code." },
  ],
  tools: [{ name: "Read" }, { name: "Bash" }],
  stream: true,
});
const ALL: Setup = { ...FOLD, toolOrder: ["Bash"] };

test("all passes work on one body at once", () => {
  const { body, notes, facts, toolOrder } = rewriteChecked(BODY, ALL);
  expect(JSON.parse(Buffer.from(body).toString())).toEqual({
    model: "claude-opus-4-8",
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "<system-reminder>\nEnvironment\n</system-reminder>" },
          { type: "text", text: "Hello" },
        ],
      },
    ],
    system: [
      { type: "text", text: CONSTANT_HEADER },
      { type: "text", text: "You are Claude Code." },
    ],
    tools: [{ name: "Bash" }, { name: "Read" }],
    stream: true,
  });
  expect(notes).toEqual([
    "billing header made constant",
    "system turns folded: 1",
    "tools moved: Bash, Read",
  ]);
  expect(facts).toEqual({
    model: "claude-opus-4-8",
    stream: true,
    tools: 2,
    start: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
  });
  expect(toolOrder).toEqual(["Bash", "Read"]);
});

test("each setting leaves its part unchanged", () => {
  const after = (setup: Setup) => JSON.parse(Buffer.from(rewriteChecked(BODY, setup).body).toString());
  const { messages, tools } = JSON.parse(BODY);
  expect(after(HEADER_ONLY)).toEqual(withConstantHeader(JSON.parse(BODY), HEADER_ONLY));
  expect(after({ ...ALL, systemTurns: "keep" }).messages).toEqual(messages);
  expect(after(FOLD).tools).toEqual(tools);
});

describe("facts", () => {
  test.each<[string, BodyFacts]>([
    ['{"model":"m","stream":true,"tools":[{},{}]}', { model: "m", stream: true, tools: 2 }],
    ['{"stream":false,"tools":[]}', { stream: false, tools: 0 }],
    ['{"model":"\\u006d\\u00e9"}', { model: "mé" }],
    ['{"model":1,"stream":"true","tools":{}}', {}],
    ["{}", {}],
    ["[]", {}],
    ["", {}],
  ])("of %s", (body, want) => {
    for (const context of [HEADER_ONLY, FOLD, OPENAI, ALL]) {
      const { facts } = expectUnchanged(body, context);
      expect(JSON.parse(JSON.stringify(facts))).toEqual(want as never);
    }
  });
});

describe("a body that cannot be read goes out unchanged, and a note says why", () => {
  test.each([
    ["[1]", "forwarded unchanged: not a JSON object"],
    ['{"model"', "forwarded unchanged: not JSON: expected a colon at byte 8"],
    ['{"model":"a","model":"b"}', 'forwarded unchanged: duplicate key "model"'],
  ])("%s", (body, note) => {
    expect(expectUnchanged(body, FOLD).notes).toEqual([note]);
  });

  test("compressed bodies too", () => {
    for (const bytes of [Bun.gzipSync(BODY), Bun.deflateSync(BODY), Bun.zstdCompressSync(BODY)]) {
      expect(expectUnchanged(bytes, ALL).notes).toHaveLength(1);
    }
  });

  test("notes contain no text of the prompt", () => {
    for (let end = 0; end < BODY.length; end++) {
      const { notes } = rewriteAt(Buffer.from(BODY.slice(0, end)), ALL);
      expect(notes.join()).not.toMatch(/Hello|Environment|You are|2\.1\.330/);
    }
  });
});

test("a Uint8Array is handled like a Buffer", () => {
  const bytes = new TextEncoder().encode('{"model":"m"}');
  expect(rewriteAt(bytes, FOLD).body).toBe(bytes);
  const edited = rewriteAt(new TextEncoder().encode(BODY), ALL).body;
  expect(Buffer.from(edited).equals(rewriteAt(Buffer.from(BODY), ALL).body)).toBe(true);
});

property("header, turns, and tools together do what each does alone, in any order of keys", 300, (random) => {
  const chat = conversation(random);
  random.some(0, 3, () => chat.grow());
  const members = Object.entries({
    messages: chat.request(),
    system: [{ type: "text", text: HEADER }],
    tools: ["c", "a", "b"].map((name) => ({ name, description: HEADER })),
    metadata: { system: HEADER },
  }).toSorted(() => random.next() - 0.5);
  const text = serialize(Object.fromEntries(members), random, (words) => /^x-anth|^text$/.test(words));
  const context = { ...random.pick([FOLD, STRICT]), toolOrder: ["a", "b"] };
  const only = (more: object) =>
    JSON.parse(Buffer.from(rewriteChecked(text, { ...context, ...more }).body).toString());
  const all = only({});
  expect(all.messages).toEqual(only({ toolOrder: undefined }).messages);
  expect(all.tools).toEqual(only({ systemTurns: "keep" }).tools);
  expect(all.tools.map(({ name }: { name: string }) => name)).toEqual(["a", "b", "c"]);
  expect(all.system).toEqual([{ type: "text", text: CONSTANT_HEADER }]);
  expect(all.metadata).toEqual({ system: HEADER });
});
