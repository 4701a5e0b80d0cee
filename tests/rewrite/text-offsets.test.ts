import { expect, test } from "bun:test";
import { type StringValue, textOf, Unscannable } from "../../src/rewrite/scan.ts";
import { beginningOf, byteSpans } from "../../src/rewrite/text-offsets.ts";
import { randomText, serialize } from "../support/json.ts";
import { property } from "../support/seeded.ts";

property("each part of a text is found in the bytes of its string, whatever the escapes", 1_000, (random) => {
  const parts = random.some(1, 6, () => randomText(random));
  const json = serialize(parts.join(""), random, () => false).trim();
  const bytes = Buffer.from(`{"a": ${json}}`);
  const value = { start: '{"a": '.length, end: bytes.length - 1 };
  const spans = byteSpans(bytes, value, indicesOf(parts));
  const found = spans.map(({ start, end }) => JSON.parse(`"${bytes.subarray(start, end)}"`));
  expect(found).toEqual(parts);
  expect(textOf(bytes, value)).toBe(parts.join(""));
});

property("a text begins with its beginning, whatever the escapes", 1_000, (random) => {
  const blanks = " \n\t".repeat(random.below(100));
  const text = blanks + random.some(0, 300, () => randomText(random)).join("");
  const beginning = beginningOf(...stringOf(serialize(text, random, () => false).trim()));
  expect(text.startsWith(beginning)).toBe(true);
  expect(beginning.trimStart().length).toBeGreaterThanOrEqual(Math.min(128, text.trimStart().length));
});

test.each<[string, string]>([
  ["an escape that is none", `"${"a".repeat(100)}\\x${"a".repeat(1_000)}"`],
  ["a control character", `"${"a".repeat(100)}\u0001${"a".repeat(1_000)}"`],
  ["only blanks, then an escape that is none", `"${" ".repeat(1_000)}\\x"`],
])("a beginning with %s is refused", (_, json) => {
  expect(() => beginningOf(...stringOf(json))).toThrow(Unscannable);
});

// --- internal ---

function stringOf(json: string): [Buffer, StringValue] {
  const bytes = Buffer.from(`{"a": ${json}}`);
  return [bytes, { kind: "string", start: '{"a": '.length, end: bytes.length - 1 }];
}

function indicesOf(parts: readonly string[]): { start: number; end: number }[] {
  let end = 0;
  return parts.map((part) => {
    const start = end;
    end += part.length;
    return { start, end };
  });
}
