import { describe, expect, test } from "bun:test";
import { isMarker } from "../../../../src/rewrite/passes/turns/marker.ts";
import {
  asReminder,
  asUsersWords,
  isReminder,
  rawOf,
} from "../../../../src/rewrite/passes/turns/reminder.ts";
import { type StringValue, Unscannable } from "../../../../src/rewrite/scan.ts";
import { written } from "../../checked.ts";

/** A string value inside a body. */
function inBody(json: string): [Buffer, StringValue] {
  const bytes = Buffer.from(`{"a":${json}}`);
  return [bytes, { kind: "string", start: 5, end: bytes.length - 1 }];
}

describe("isMarker", () => {
  test.each([
    ["<total_tokens>1 tokens left</total_tokens>", true],
    ["<total_tokens>182,000 tokens left</total_tokens>", true],
    ["\n<total_tokens> 182 000 tokens left </total_tokens>\n\n", true],
    ["", false],
    ["<total_tokens>tokens left</total_tokens>", false],
    ["<total_tokens> \n\t tokens left</total_tokens>", false],
    ["<total_tokens>1\n2 tokens left</total_tokens>", false],
    ["<total_tokens>1 2\t\n tokens left</total_tokens>", true],
    ["<total_tokens>\n1_000.5\n tokens left\n</total_tokens>", true],
    ["<total_tokens>1 tokens left</total_tokens> and more", false],
    ["a <total_tokens>1 tokens left</total_tokens>", false],
    ["<total_tokens>1 tokens left</total_tokens>".repeat(2), false],
    [`${" ".repeat(300)}<total_tokens>1 tokens left</total_tokens>`, false],
  ])("%j: %p", (words, want) => {
    expect(isMarker(...inBody(JSON.stringify(words)))).toBe(want);
  });

  test("recognizes one that is written with escapes", () => {
    expect(isMarker(...inBody('"\\u003ctotal_tokens>1 tokens left<\\/total_tokens>"'))).toBe(true);
  });
});

describe("isReminder and asReminder", () => {
  test.each([
    ["<system-reminder>\na\n</system-reminder>", true],
    [" \n<system-reminder>a</system-reminder>\n", true],
    ["<system-reminder>a</system-reminder> b", false],
    ["a <system-reminder>b</system-reminder>", false],
    ["<system-reminder>a", false],
    ["a", false],
  ])("%j: %p", (words, want) => {
    const [bytes, text] = inBody(JSON.stringify(words));
    expect(isReminder(bytes, text)).toBe(want);
    const wrapped = want ? words : `<system-reminder>\n${words}\n</system-reminder>`;
    expect(JSON.parse(`"${written(bytes, asReminder(bytes, text))}"`)).toBe(wrapped);
  });
});

test("the user's words get a line that says whose they are, and keep their escapes", () => {
  const [bytes, text] = inBody('"a\\u00e9\\/"');
  expect(written(bytes, asUsersWords(bytes, text)).toString()).toBe(
    "The user wrote this message:\\na\\u00e9\\/",
  );
});

test("a string that is not JSON is not moved", () => {
  expect(() => rawOf(...inBody('"\\x"'))).toThrow(Unscannable);
  expect(() => asReminder(...inBody('"a\nb"'))).toThrow(Unscannable);
});
