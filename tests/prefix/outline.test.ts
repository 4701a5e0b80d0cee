import { describe, expect, test } from "bun:test";
import { outlineOf } from "../../src/prefix/outline.ts";
import { assistant, outlined, tool, user } from "./requests.ts";

describe("an outline", () => {
  test("holds names, kinds and lengths, and no text", () => {
    const outline = outlined({
      model: "qwen",
      system: [{ type: "text", text: "You are a tester." }],
      tools: [tool("Bash")],
      messages: [user("secret words"), assistant([{ type: "thinking", thinking: "hm", signature: "s" }])],
      thinking: { type: "enabled" },
    });
    expect(outline.model).toBe("qwen");
    expect(outline.system.map(({ bytes }) => bytes)).toEqual(["You are a tester.".length]);
    expect(outline.tools.map(({ name }) => name)).toEqual(["Bash"]);
    expect(outline.parameters.map(({ name }) => name)).toEqual(["thinking"]);
    expect(outline.messages.map(({ role, blocks }) => [role, blocks.map(({ kind }) => kind)])).toEqual([
      ["user", ["text"]],
      ["assistant", ["thinking"]],
    ]);
    expect(JSON.stringify(outline)).not.toContain("secret");
  });

  test.each([
    ["a string and an array of one text", user("words"), user([{ type: "text", text: "words" }])],
    [
      "cache_control on a text",
      user([{ type: "text", text: "words", cache_control: { type: "ephemeral" } }]),
      user("words"),
    ],
    [
      "cache_control on a tool's result",
      user([{ type: "tool_result", tool_use_id: "a", content: "1", cache_control: { type: "ephemeral" } }]),
      user([{ type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "1" }] }]),
    ],
    [
      "cache_control on a call, first of its members",
      assistant([{ cache_control: { a: [1] }, type: "tool_use", id: "1", name: "Bash", input: {} }]),
      assistant([{ type: "tool_use", id: "1", name: "Bash", input: {} }]),
    ],
    [
      "an empty text",
      user([
        { type: "text", text: "" },
        { type: "text", text: "words" },
      ]),
      user("words"),
    ],
  ])("is the same with %s", (_, one, other) => {
    expect(outlined({ messages: [one] })).toEqual(outlined({ messages: [other] }));
  });

  test("counts an image as some text, alone and in a tool's result, and keeps what was sent", () => {
    const image = (data: string) => ({ type: "image", source: { type: "base64", data } });
    const shown = (data: string) => [{ type: "text", text: "shown" }, image(data)];
    const result = (data: string) => ({ type: "tool_result", tool_use_id: "a", content: shown(data) });
    const [large, other] = ["x", "y"].map((letter) => letter.repeat(300_000));
    const blocks = (data: string) =>
      outlined({ messages: [user([image(data), result(data)])] }).messages[0]!.blocks;
    for (const block of blocks(large!)) {
      expect(block.bytes).toBeLessThan(5_000);
      expect(block.sent).toBeGreaterThan(300_000);
    }
    expect(blocks(large!)).toEqual(blocks(large!));
    expect(blocks(other!).map(({ hash }) => hash)).not.toEqual(blocks(large!).map(({ hash }) => hash));
  });

  test("reads the system prompt of OpenAI's API from the first messages", () => {
    const body = {
      messages: [{ role: "system", content: "Rules" }, user("words")],
      tools: [{ type: "function", function: { name: "Bash" } }],
    };
    const outline = outlineOf(Buffer.from(JSON.stringify(body)), "openai");
    expect(outline?.system.length).toBe(1);
    expect(outline?.messages.length).toBe(1);
    expect(outline?.tools[0]?.name).toBe("Bash");
  });

  test.each(["", "[]", "{", '{"messages":[],"messages":[]}'])("is undefined for %j", (body) => {
    expect(outlineOf(Buffer.from(body), "anthropic")).toBeUndefined();
  });
});
