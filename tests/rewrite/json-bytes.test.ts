import { describe, expect, test } from "bun:test";
import { insertion, join, removals, replacement, textBlock, userTurn } from "../../src/rewrite/json-bytes.ts";
import type { Pieces } from "../../src/rewrite/splice.ts";
import { applied } from "./checked.ts";

describe("removals", () => {
  const items = [..."abcd"].map((_, index) => ({ start: 1 + index * 3, end: 2 + index * 3 }));
  const body = Buffer.from("[a, b, c, d]");
  const SUBSETS = Array.from({ length: 16 }, (_, bits) =>
    items.flatMap((_, at) => ((bits >> at) & 1 ? [at] : [])),
  );

  test.each(SUBSETS.map((removed) => [removed]))(
    "of the elements %j leaves an array of the others",
    (removed) => {
      const out = applied(body, removals(items, new Set(removed.toReversed()))).toString();
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
  const raw = [Buffer.from('a\\"\\u00e9')];
  expect(written(textBlock(raw))).toBe('{"type":"text","text":"a\\"\\u00e9"}');
  const turn = JSON.parse(written(userTurn([textBlock(raw), textBlock(["b"])])));
  expect(turn).toEqual({
    role: "user",
    content: [
      { type: "text", text: 'a"é' },
      { type: "text", text: "b" },
    ],
  });
});

test("pieces stand in an edit as they are, whole and in order", () => {
  const bytes = new Uint8Array([0xff, 0x00]);
  expect(insertion(3, ["a", bytes])).toEqual({ start: 3, end: 3, pieces: ["a", bytes] });
  expect(replacement({ start: 2, end: 3 }, ["a", bytes])).toEqual({ start: 2, end: 3, pieces: ["a", bytes] });
  expect(join([[bytes], ["a", bytes]], ",")).toEqual([bytes, ",", "a", bytes]);
  expect(join([], ",")).toEqual([]);
});

function written(pieces: Pieces): string {
  return pieces.map((piece) => piece.toString()).join("");
}
