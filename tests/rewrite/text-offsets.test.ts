import { expect } from "bun:test";
import { textOf } from "../../src/rewrite/scan.ts";
import { byteSpans } from "../../src/rewrite/text-offsets.ts";
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

// --- internal ---

function indicesOf(parts: readonly string[]): { start: number; end: number }[] {
  let end = 0;
  return parts.map((part) => {
    const start = end;
    end += part.length;
    return { start, end };
  });
}
