import { describe, expect, test } from "bun:test";
import {
  insertion,
  insideOf,
  join,
  removals,
  replacement,
  textBlock,
  userTurn,
} from "../../src/rewrite/json-bytes.ts";
import { applied, written } from "./checked.ts";

describe("removals", () => {
  const items = [..."abcd"].map((_, index) => ({ start: 1 + index * 3, end: 2 + index * 3 }));
  const body = Buffer.from("[a, b, c, d]");
  const SUBSETS = Array.from({ length: 16 }, (_, bits) =>
    items.flatMap((_, at) => ((bits >> at) & 1 ? [at] : [])),
  );

  test.each(SUBSETS.map((removed) => [removed]))(
    "of the elements %j leave an array of the others",
    (removed) => {
      const out = applied(body, removals(items, removed)).toString();
      const kept = [..."abcd"].filter((_, at) => !removed.includes(at));
      expect(out).toMatch(/^\[[^\]]*\]$/);
      expect(
        out
          .slice(1, -1)
          .split(",")
          .map((part) => part.trim())
          .filter((part) => part !== ""),
      ).toEqual(kept);
      expect(out.split(",").length).toBe(Math.max(1, kept.length));
    },
  );
});

test("blocks and turns are written around raw texts", () => {
  const body = Buffer.from('["a\\"\\u00e9"]');
  const raw = [insideOf({ start: 1, end: body.length - 1 })];
  expect(written(body, textBlock(raw)).toString()).toBe('{"type":"text","text":"a\\"\\u00e9"}');
  const turn = JSON.parse(written(body, userTurn([textBlock(raw), textBlock(["b"])])).toString());
  expect(turn).toEqual({
    role: "user",
    content: [
      { type: "text", text: 'a"é' },
      { type: "text", text: "b" },
    ],
  });
});

test("an edit contains its pieces unchanged and in order", () => {
  const moved = { start: 5, end: 7 };
  expect(insertion(3, ["a", moved])).toEqual({ start: 3, end: 3, pieces: ["a", moved] });
  expect(replacement({ start: 2, end: 3 }, ["a", moved])).toEqual({ start: 2, end: 3, pieces: ["a", moved] });
  expect(join([[moved], ["a", moved]], ",")).toEqual([moved, ",", "a", moved]);
  expect(join([], ",")).toEqual([]);
});
