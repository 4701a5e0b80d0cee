import { expect, test } from "bun:test";
import { Outlines } from "../../src/session/outlines.ts";
import { assistant, type Body, outlined, tool, user, words } from "../prefix/requests.ts";

const MAIN = { session: "s1", agent: "main" } as const;
const FIRST: Body = {
  system: [{ type: "text", text: words("rule") }],
  tools: [tool("Bash")],
  messages: [user("one")],
};
const SECOND: Body = { ...FIRST, messages: [user("one"), assistant("a"), user("two")] };

test("a request follows the last answered one of its conversation", () => {
  const outlines = new Outlines();
  outlines.add(1, MAIN, outlined(FIRST), 0);
  outlines.count(1, 100);
  outlines.add(2, MAIN, outlined(SECOND), 1);
  const third = outlines.add(3, MAIN, outlined(SECOND), 2);
  expect(outlines.previous(third)?.id).toBe(1);
  outlines.count(2, 120);
  expect(outlines.previous(third)?.id).toBe(2);
  expect(outlines.previous(third)?.marks?.map(({ messages, tokens }) => [messages, tokens])).toEqual([
    [1, 100],
    [3, 120],
  ]);
  expect(outlines.get(1)).toBeUndefined();
});

test.each([
  [
    "a subagent of the session",
    { ...MAIN, agent: "subagent", agent_id: "a1" },
    { ...FIRST, messages: [user("find")] },
  ],
  ["another session with the same first words", { session: "s2", agent: "main" }, FIRST],
  [
    "a side request that quotes the first words",
    { session: "s1", agent: "side" },
    { system: "Title", messages: [user("one")] },
  ],
] as const)("%s is another conversation", (_, caller, body) => {
  const outlines = new Outlines();
  outlines.add(1, MAIN, outlined(FIRST), 0);
  outlines.count(1, 100);
  const other = outlines.add(2, caller, outlined(body as Body), 1);
  expect(outlines.previous(other)).toBeUndefined();
  expect(outlines.nearest(other)?.id).toBe(1);
  const next = outlines.add(3, MAIN, outlined(SECOND), 2);
  expect(outlines.between(outlines.get(1)!, next).map(({ id }) => id)).toEqual([2]);
});

test("a conversation goes on under another session id, and without any", () => {
  for (const caller of [{ session: "s2", agent: "main" } as const, {}]) {
    const outlines = new Outlines();
    outlines.add(1, MAIN, outlined(SECOND), 0);
    outlines.count(1, 100);
    const longer = { ...SECOND, messages: [...SECOND.messages!, assistant("b"), user("three")] };
    expect(outlines.previous(outlines.add(2, caller, outlined(longer), 1))?.id).toBe(1);
  }
});

test("a request whose prompt was not counted is followed all the same", () => {
  const outlines = new Outlines();
  outlines.add(1, MAIN, outlined(FIRST), 0);
  outlines.count(1, undefined);
  const second = outlines.add(2, MAIN, outlined(SECOND), 1);
  expect(outlines.previous(second)).toMatchObject({ id: 1, marks: [] });
});

test("a compacted conversation goes on, whether its summary has fewer messages or not", () => {
  for (const messages of [
    [user("summary")],
    [user("summary"), assistant("yes"), user("go on"), assistant("ok")],
  ]) {
    const outlines = new Outlines();
    outlines.add(1, MAIN, outlined(SECOND), 0);
    outlines.count(1, 100);
    expect(outlines.previous(outlines.add(2, MAIN, outlined({ ...SECOND, messages }), 1))?.id).toBe(1);
    const stranger = outlines.add(
      3,
      { session: "s2", agent: "main" },
      outlined({ ...SECOND, messages: [user("x")] }),
      2,
    );
    expect(outlines.previous(stranger)).toBeUndefined();
  }
});

test.each([MAIN, {}])(
  "the same words with another system prompt and first message are another conversation: %#",
  (caller) => {
    const outlines = new Outlines();
    outlines.add(1, caller, outlined(SECOND), 0);
    outlines.count(1, 100);
    const messages = [user("else"), ...SECOND.messages!.slice(1)];
    const other = { ...SECOND, system: [{ type: "text", text: words("other") }], messages };
    const sender = caller === MAIN ? { ...MAIN, session: "s9" } : {};
    expect(outlines.previous(outlines.add(2, sender, outlined(other), 1))).toBeUndefined();
    const sameWords = { ...other, messages: SECOND.messages! };
    if (caller === MAIN)
      expect(
        outlines.previous(outlines.add(3, { ...MAIN, session: "s8" }, outlined(sameWords), 2)),
      ).toBeUndefined();
  },
);

test("the oldest outlines are forgotten beyond either bound", () => {
  const byCount = new Outlines({ entries: 3 });
  const byBytes = new Outlines({ bytes: 2_000 });
  for (let id = 1; id <= 20; id++)
    for (const outlines of [byCount, byBytes])
      outlines.add(id, { session: `s${id}` }, outlined({ messages: [user(words(`m${id}`))] }), id);
  expect(byCount.size).toBe(3);
  expect(byCount.get(20)).toBeDefined();
  expect(byBytes.size).toBeLessThan(20);
  expect(byBytes.get(20)).toBeDefined();
});
