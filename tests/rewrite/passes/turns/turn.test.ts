import { describe, expect, test } from "bun:test";
import { readTurn, TURNS_SHAPE, turnsIn } from "../../../../src/rewrite/passes/turns/turn.ts";
import { scan, textOf, Unscannable } from "../../../../src/rewrite/scan.ts";
import { compile } from "../../../../src/rewrite/shape.ts";

function turnsOf(messages: unknown) {
  const bytes = Buffer.from(JSON.stringify({ messages }));
  const turns = turnsIn(scan(bytes, compile({ members: { messages: TURNS_SHAPE } }))).map(readTurn);
  return turns.map(({ role, content }) => [
    role,
    "kind" in content
      ? textOf(bytes, content)
      : content.map((block) => [block.isResult, block.text && textOf(bytes, block.text)]),
  ]);
}

describe("readTurn", () => {
  test("distinguishes strings from blocks, and texts and tool results from other blocks", () => {
    const blocks = [
      { type: "text", text: "a" },
      { type: "tool_result", content: [] },
      { type: "document", text: "d" },
    ];
    expect(
      turnsOf([
        { role: "user", content: "Hello" },
        { role: "user", content: blocks },
      ]),
    ).toEqual([
      ["user", "Hello"],
      [
        "user",
        [
          [false, "a"],
          [true, undefined],
          [false, undefined],
        ],
      ],
    ]);
  });

  test("does not look into turns of other roles", () => {
    expect(turnsOf([{ role: "assistant", content: 1 }, { role: "tool" }])).toEqual([
      ["other", []],
      ["other", []],
    ]);
  });

  test("finds no turns without messages, or if messages are not an array", () => {
    expect(turnsOf(undefined)).toEqual([]);
    expect(turnsOf("Hello")).toEqual([]);
  });

  test.each([
    ["a turn that is a string", ["Hello"]],
    ["no role", [{ content: "a" }]],
    ["a user turn without content", [{ role: "user" }]],
    ["a system turn without content", [{ role: "system", content: null }]],
    ["a block without a type", [{ role: "user", content: [{ text: "a" }] }]],
    ["a text block whose text is a number", [{ role: "user", content: [{ type: "text", text: 1 }] }]],
  ])("refuses %s and says at which byte", (_, messages) => {
    expect(() => turnsOf(messages)).toThrow(Unscannable);
    expect(() => turnsOf(messages)).toThrow(/at byte \d+$/);
  });
});
