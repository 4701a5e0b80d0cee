import { expect, test } from "bun:test";
import { wrapped } from "../../src/format/wrapped.ts";

const cases: [text: string, width: number, want: string[]][] = [
  ["one two three", 7, ["one two", "three"]],
  ["one two three", 13, ["one two three"]],
  ["one incomprehensibilities two", 9, ["one", "incomprehensibilities", "two"]],
  ["", 9, [""]],
  ["one two", Number.POSITIVE_INFINITY, ["one two"]],
];
test.each(cases)("%p in %p columns", (text, width, want) => expect(wrapped(text, width)).toEqual(want));
