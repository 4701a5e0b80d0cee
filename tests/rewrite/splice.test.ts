import { describe, expect, test } from "bun:test";
import { type Edit, splice } from "../../src/rewrite/splice.ts";
import { property } from "../support/seeded.ts";
import { applied } from "./checked.ts";

const body = Buffer.from("0123456789");
const edit = (start: number, end: number, text: string): Edit => ({
  start,
  end,
  pieces: [text],
});

describe("splice", () => {
  test.each<[string, Edit[], string]>([
    ["a replacement", [edit(2, 4, "abc")], "01abc456789"],
    ["a removal", [edit(2, 4, "")], "01456789"],
    ["an insertion", [edit(2, 2, "abc")], "01abc23456789"],
    ["at both ends", [edit(0, 0, "a"), edit(10, 10, "b")], "a0123456789b"],
    ["all of it", [edit(0, 10, "")], ""],
    ["edits in any order", [edit(4, 6, "b"), edit(9, 9, "c"), edit(0, 2, "a")], "a23b678c9"],
    ["adjacent edits", [edit(2, 4, "a"), edit(4, 6, "b")], "01ab6789"],
    ["insertions at one place keep their order", [edit(3, 3, "a"), edit(3, 3, "b")], "012ab3456789"],
    [
      "several pieces: strings, and spans of the body, even of replaced bytes",
      [{ start: 2, end: 4, pieces: ["ab", { start: 3, end: 6 }, "", { start: 0, end: 0 }, "c"] }],
      "01ab345c456789",
    ],
    ["an insertion before a removal", [edit(3, 3, "a"), edit(3, 5, "")], "012a56789"],
  ])("%s", (_, edits, want) => {
    expect(Buffer.from(splice(body, edits)).toString()).toBe(want);
    expect(applied(body, edits).toString()).toBe(want);
  });

  test("spans of the body may contain any bytes", () => {
    const bytes = Buffer.from([0x30, 0xff, 0xc3, 0x00]);
    expect(splice(bytes, [{ start: 0, end: 1, pieces: [{ start: 1, end: 4 }, "a"] }])).toEqual(
      Buffer.from([0xff, 0xc3, 0x00, 0x61, 0xff, 0xc3, 0x00]),
    );
  });

  test("the result owns its memory: writing to it does not write to the body", () => {
    const result = splice(body, [edit(0, 0, "a")]);
    expect(result.buffer.byteLength).toBe(11);
    result.fill(0);
    expect(body.toString()).toBe("0123456789");
  });

  test.each<[string, Edit[]]>([
    ["overlapping", [edit(2, 5, ""), edit(4, 6, "")]],
    ["overlapping, in any order", [edit(4, 6, ""), edit(2, 5, "")]],
    ["inserting into replaced bytes", [edit(3, 3, "a"), edit(2, 5, "")]],
    ["with an end before the start", [edit(4, 2, "")]],
    ["before the start", [edit(-1, 2, "")]],
    ["beyond the end", [edit(9, 11, "")]],
    ["with a piece beyond the end", [{ start: 0, end: 0, pieces: [{ start: 9, end: 11 }] }]],
    ["with a piece before the start", [{ start: 0, end: 0, pieces: [{ start: -1, end: 1 }] }]],
    ["with a piece that ends before it starts", [{ start: 0, end: 0, pieces: [{ start: 2, end: 1 }] }]],
  ])("throws on edits %s", (_, edits) => {
    expect(() => splice(body, edits)).toThrow(RangeError);
  });

  property("is the same as applying the edits one by one", 1_000, (random) => {
    const places = random.some(0, 8, () => random.below(body.length + 1)).toSorted((a, b) => a - b);
    const piece = () => {
      const start = random.below(body.length + 1);
      const moved = { start, end: start + random.below(body.length + 1 - start) };
      return random.pick(["", "a", "longer", moved]);
    };
    const edits = places.flatMap((start, at) =>
      at % 2 === 0 ? [{ start, end: places[at + 1] ?? start, pieces: random.some(0, 3, piece) }] : [],
    );
    applied(
      body,
      edits.toSorted(() => random.next() - 0.5),
    );
  });

  test("puts insertions before a replacement at the same place, and keeps their order", () => {
    const edits = [edit(5, 6, "d"), edit(3, 4, "c"), edit(3, 3, "a"), edit(3, 3, "b")];
    expect(splice(body, edits).toString()).toBe("012abc4d6789");
    expect(edits.map(({ start }) => start)).toEqual([5, 3, 3, 3]);
  });
});
