import { describe, expect, test } from "bun:test";
import {
  type Addition,
  appendToResult,
  nameLoadedTools,
} from "../../../../src/rewrite/passes/turns/tool-result.ts";
import { type Block, readTurn, TURNS_SHAPE, turnsIn } from "../../../../src/rewrite/passes/turns/turn.ts";
import { scan, Unscannable } from "../../../../src/rewrite/scan.ts";
import { compile } from "../../../../src/rewrite/shape.ts";
import { applied } from "../../checked.ts";
import { modelView } from "../../model-view.ts";

const image = { type: "image", source: { data: "iVBOR" } };
const words = (text: string): Addition => ({ text: [text] });
const picture: Addition = { block: [JSON.stringify(image)] };

/** What the model sees of the result with the additions. */
function appended(content: unknown, additions: readonly Addition[]) {
  const bytes = Buffer.from(
    JSON.stringify({
      messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t", content }] }],
    }),
  );
  const out = JSON.parse(applied(bytes, appendToResult(bytes, resultIn(bytes), additions)).toString());
  return modelView(out.messages)
    .map((seen) => seen.part)
    .slice(1);
}

describe("an addition looks the same to the model in every form of the result", () => {
  test.each<[string, unknown[]]>([
    ["empty", ["", [], null, undefined, [{ type: "text", text: "" }]]],
    ["a text", ["R", [{ type: "text", text: "R" }]]],
  ])("%s", (_, forms) => {
    for (const additions of [
      [words("a")],
      [words("a"), words("b")],
      [words("a"), picture, words("b")],
      [picture],
    ]) {
      const [first, ...others] = forms.map((content) => appended(content, additions));
      for (const other of others) expect(other).toEqual(first!);
    }
  });

  test("texts continue the last text after an empty line; images follow it", () => {
    expect(appended("R", [words("a"), words("b")])).toEqual(["R\n\na\n\nb"]);
    expect(appended([image], [words("a")])).toEqual(["image iVBOR", "text a"]);
    expect(appended("R", [words("a"), picture])).toEqual(["text R", "text a", "image iVBOR"]);
  });

  test("nothing to append is no edit", () => {
    expect(appended("R", [])).toEqual(["R"]);
  });
});

test("each tool reference becomes a text with its own line; other blocks stay", () => {
  const content = [
    { type: "tool_reference", tool_name: 'Web"Fetch' },
    { type: "text", text: "and" },
    { type: "tool_reference", tool_name: "Notebook" },
    { type: "tool_reference" },
  ];
  const bytes = Buffer.from(
    JSON.stringify({ messages: [{ role: "user", content: [{ type: "tool_result", content }] }] }),
  );
  const out = JSON.parse(applied(bytes, nameLoadedTools(bytes, resultIn(bytes))).toString());
  expect(modelView(out.messages)[1]?.part).toBe('Tool loaded: Web"Fetch\nandTool loaded: Notebook\n');
  expect(out.messages[0].content[0].content[3]).toEqual({ type: "tool_reference" });
});

test("a tool reference whose name is not JSON is refused", () => {
  const bytes = Buffer.from(
    '{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"tool_reference","tool_name":"\\x"}]}]}]}',
  );
  expect(() => nameLoadedTools(bytes, resultIn(bytes))).toThrow(Unscannable);
});

// --- internal ---

/** The first block of the first turn. */
function resultIn(bytes: Buffer): Block {
  const [turn] = turnsIn(scan(bytes, compile({ members: { messages: TURNS_SHAPE } })));
  return (readTurn(turn!).content as readonly Block[])[0]!;
}
