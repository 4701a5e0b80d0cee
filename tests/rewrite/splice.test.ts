import { describe, expect, test } from "bun:test";
import { type Edit, inOrder, splice } from "../../src/rewrite/splice.ts";
import { property } from "../support/seeded.ts";
import { applied } from "./checked.ts";

const body = Buffer.from("0123456789");
const edit = (start: number, end: number, text: string): Edit => ({
  start,
  end,
  pieces: [Buffer.from(text)],
});

describe("splice", () => {
  test.each<[string, Edit[], string]>([
    ["a replacement", [edit(2, 4, "abc")], "01abc456789"],
    ["a removal", [edit(2, 4, "")], "01456789"],
    ["an insertion", [edit(2, 2, "abc")], "01abc23456789"],
    ["at both ends", [edit(0, 0, "a"), edit(10, 10, "b")], "a0123456789b"],
    ["all of it", [edit(0, 10, "")], ""],
    ["one right behind the other", [edit(2, 4, "a"), edit(4, 6, "b")], "01ab6789"],
    ["insertions at one place, in their order", [edit(3, 3, "a"), edit(3, 3, "b")], "012ab3456789"],
    [
      "several pieces, strings and bytes",
      [{ start: 2, end: 4, pieces: ["ab", Buffer.from("é"), "", "c"] }],
      "01abéc456789",
    ],
    ["an insertion before a removal", [edit(3, 3, "a"), edit(3, 5, "")], "012a56789"],
  ])("%s", (_, edits, want) => {
    expect(Buffer.from(splice(body, edits)).toString()).toBe(want);
    expect(applied(body, edits).toString()).toBe(want);
  });

  test("hands back the very array when there is no edit", () => {
    expect(splice(body, [])).toBe(body);
  });

  test("the result owns its memory: writing to it does not write to the body", () => {
    const result = splice(body, [edit(0, 0, "a")]);
    expect(result.buffer.byteLength).toBe(11);
    result.fill(0);
    expect(body.toString()).toBe("0123456789");
  });

  test.each<[string, Edit[]]>([
    ["overlapping", [edit(2, 5, ""), edit(4, 6, "")]],
    ["out of order", [edit(4, 6, ""), edit(2, 3, "")]],
    ["backwards", [edit(4, 2, "")]],
    ["before the start", [edit(-1, 2, "")]],
    ["beyond the end", [edit(9, 11, "")]],
  ])("throws on edits %s", (_, edits) => {
    expect(() => splice(body, edits)).toThrow(RangeError);
  });

  property("is the same as applying the edits one by one", 1_000, (random) => {
    const places = random.some(0, 8, () => random.below(body.length + 1)).toSorted((a, b) => a - b);
    const edits = places.flatMap((start, at) =>
      at % 2 === 0 ? [edit(start, places[at + 1] ?? start, random.pick(["", "a", "longer"]))] : [],
    );
    applied(body, edits);
  });
});

test("inOrder sorts by place, insertions before what they stand before, equals as given", () => {
  const edits = [edit(5, 6, "d"), edit(3, 4, "c"), edit(3, 3, "a"), edit(3, 3, "b")];
  expect(inOrder(edits).map(({ pieces }) => pieces.join(""))).toEqual(["a", "b", "c", "d"]);
});
