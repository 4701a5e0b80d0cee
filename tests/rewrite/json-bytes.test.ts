import { describe, expect, test } from "bun:test";
import { concat, insertion, join, removals, textBlock, userTurn } from "../../src/rewrite/json-bytes.ts";
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
  const raw = Buffer.from('a\\"\\u00e9');
  expect(textBlock(raw).toString()).toBe('{"type":"text","text":"a\\"\\u00e9"}');
  const turn = JSON.parse(userTurn([textBlock(raw), textBlock(Buffer.from("b"))]).toString());
  expect(turn).toEqual({
    role: "user",
    content: [
      { type: "text", text: 'a"é' },
      { type: "text", text: "b" },
    ],
  });
});

test("concat and join take bytes as they are, also such that are no UTF-8", () => {
  const bytes = new Uint8Array([0xff, 0x00]);
  expect([...concat("a", bytes)]).toEqual([0x61, 0xff, 0x00]);
  expect([...join([bytes, bytes], ",")]).toEqual([0xff, 0x00, 0x2c, 0xff, 0x00]);
  expect(join([], ",").length).toBe(0);
  expect(insertion(3, "a", bytes)).toEqual({ start: 3, end: 3, bytes: concat("a", bytes) });
});
