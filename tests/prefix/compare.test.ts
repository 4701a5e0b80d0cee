import { describe, expect, test } from "bun:test";
import { compare, isExtension } from "../../src/prefix/compare.ts";
import { property } from "../support/seeded.ts";
import { assistant, type Body, outlined, tool, user, words } from "./requests.ts";

const BASE: Body = {
  model: "qwen",
  system: [{ type: "text", text: words("rule") }],
  tools: [tool("Bash"), tool("Read"), tool("Write")],
  messages: [
    user(words("a")),
    assistant(words("b")),
    user(words("c")),
    assistant(words("d")),
    user(words("e")),
  ],
};
const [A, B, C, D, E] = BASE.messages!;

function comparison(change: Body, base: Body = BASE) {
  return compare(outlined(base), outlined({ ...base, ...change }));
}

describe("the messages of two requests", () => {
  test.each([
    ["same", [A, B, C, D, E]],
    ["extended", [A, B, C, D, E, assistant("f"), user("g")]],
    ["edited", [A, B, user("other"), D, E, assistant("f"), user("g")]],
    ["edited", [user("other"), B, C, D, E, assistant("f"), user("g")]],
    ["dropped", [A, B, E, assistant("f"), user("g")]],
    ["dropped", [C, D, E]],
    ["rewound", [A, B, C]],
    ["rewound", [A, B, user("another way")]],
    ["rewound", [A, B, C, D, user("another way")]],
    ["compacted", [user("a summary")]],
    ["compacted", [user("a summary"), assistant("yes"), E]],
  ] as const)("are %s", (kind, messages) => {
    expect(comparison({ messages: messages as NonNullable<Body["messages"]> }).messages.kind).toBe(kind);
  });

  test("are replaced if nothing of a short history is left", () => {
    expect(comparison({ messages: [user("other")] }, { messages: [user("words")] }).messages.kind).toBe(
      "replaced",
    );
  });

  test("share the start of the first message that differs", () => {
    const { shared } = compare(
      outlined({ messages: [user(words("a", 1000))] }),
      outlined({ messages: [user(`${words("a", 1000)} and more`)] }),
    );
    expect(shared.toolsFirst).toBeGreaterThan(3000);
  });
});

describe("the tools of two requests", () => {
  test.each([
    [
      [tool("Bash"), tool("New"), tool("Read"), tool("Write")],
      { added: ["New"], removed: [], changed: [], reordered: false },
    ],
    [[tool("Bash"), tool("Write")], { added: [], removed: ["Read"], changed: [], reordered: false }],
    [
      [tool("Bash"), tool("Read", "new"), tool("Write")],
      { added: [], removed: [], changed: ["Read"], reordered: false },
    ],
    [[tool("Read"), tool("Bash"), tool("Write")], { added: [], removed: [], changed: [], reordered: true }],
  ])("%#", (tools, change) => {
    expect(comparison({ tools }).tools).toEqual(change);
  });

  test("end what templates share that render them first, and keep the system prompt of others", () => {
    const { shared } = comparison({ tools: [tool("New"), tool("Bash"), tool("Read"), tool("Write")] });
    expect(shared).toEqual({ toolsFirst: 0, systemFirst: words("rule").length });
  });
});

describe("the system prompts of two requests", () => {
  test("differ in a block, at a byte", () => {
    const text = words("rule");
    const change = { system: [{ type: "text", text: text.replace("rule50", "date50") }] };
    const at = text.indexOf("rule50");
    expect(comparison(change).system).toEqual({ block: 0, byte: at - (at % 64) });
  });

  test("differ where one has a block more", () => {
    const system = [...(BASE.system as object[]), { type: "text", text: "more" }];
    expect(comparison({ system }).system).toEqual({ block: 1, byte: 0 });
    expect(compare(outlined({ ...BASE, system }), outlined(BASE)).system).toEqual({ block: 1, byte: 0 });
  });
});

test("parameters that templates read are compared", () => {
  expect(comparison({ thinking: { type: "enabled" }, temperature: 1 }).parameters).toEqual(["thinking"]);
  expect(comparison({ reasoning: { effort: "high" } }).parameters).toEqual(["reasoning"]);
  expect(comparison({ chat_template_kwargs: { a: 1, b: [2] } }).parameters).toEqual([
    "chat_template_kwargs.a",
    "chat_template_kwargs.b",
  ]);
});

test("template parameters are compared one by one, in any order", () => {
  const kwargs = (values: object) => outlined({ ...BASE, chat_template_kwargs: values });
  expect(compare(kwargs({ a: 1, b: 2 }), kwargs({ b: 2, a: 1 })).parameters).toEqual([]);
  expect(compare(kwargs({ a: 1, b: 2 }), kwargs({ a: 1, b: 3 })).parameters).toEqual([
    "chat_template_kwargs.b",
  ]);
});

property("a request is an extension of each of its beginnings, and shares all of it", 50, (random) => {
  const messages = random.some(1, 12, (index) =>
    (index % 2 ? assistant : user)(words(`m${index}`, random.below(50) + 1)),
  );
  const all = outlined({ ...BASE, messages });
  const start = outlined({ ...BASE, messages: messages.slice(0, 1 + random.below(messages.length)) });
  const { shared, newBytes, ...rest } = compare(start, all);
  expect(isExtension({ shared, newBytes, ...rest })).toBe(true);
  expect(shared).toEqual({ toolsFirst: start.bytes, systemFirst: start.bytes });
  expect(newBytes).toBe(all.bytes - start.bytes);
});

property("what is shared is at most what both have, and new bytes are at most all bytes", 100, (random) => {
  const make = () =>
    outlined({
      system: random.some(0, 2, () => ({
        type: "text",
        text: words(random.pick(["r", "s"]), 1 + random.below(30)),
      })),
      tools: random.some(0, 4, (index) => tool(`${random.pick(["A", "B"])}${index}`)),
      messages: random.some(0, 6, () => user(words(random.pick(["x", "y", "z"]), 1 + random.below(30)))),
    });
  const [before, after] = [make(), make()];
  const { shared, newBytes } = compare(before, after);
  const most = Math.min(before.bytes, after.bytes);
  expect(Math.max(shared.toolsFirst, shared.systemFirst)).toBeLessThanOrEqual(most);
  expect(newBytes).toBeLessThanOrEqual(after.bytes + 64 * 6);
});

test("a comparison keeps no earlier request in memory", async () => {
  const earlier: WeakRef<object>[] = [];
  let before = outlined(BASE);
  for (let turn = 0; turn < 200; turn++) {
    const after = outlined({ ...BASE, messages: [...BASE.messages!, user(`${turn}`)] });
    compare(before, after);
    earlier.push(new WeakRef(before));
    before = after;
  }
  // A WeakRef keeps its object to the end of the current job.
  await Bun.sleep(1);
  Bun.gc(true);
  // The collector takes what looks like an address on the stack for one, so that a few may stay.
  const kept = earlier.filter((outline) => outline.deref() !== undefined).length;
  expect(compare(before, before).newBytes).toBe(0);
  expect(kept).toBeLessThan(20);
});
