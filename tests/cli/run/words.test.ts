import { expect, test } from "bun:test";
import { splitWords } from "../../../src/cli/run/words.ts";

test.each<[string, string[] | undefined]>([
  ["", []],
  ["  a  b\tc ", ["a", "b", "c"]],
  ["a 'b c' d", ["a", "b c", "d"]],
  [`--x='{"a": 1}'`, ['--x={"a": 1}']],
  ['"a b"c', ["a bc"]],
  ["a\\ b", ["a b"]],
  ['"a\\"b" "c\\d"', ['a"b', "c\\d"]],
  ["''", [""]],
  ["a 'b", undefined],
  ['a "b', undefined],
])("%j", (text, want) => {
  expect(splitWords(text, false)).toEqual(want);
});

test("on Windows a backslash is part of a path", () => {
  expect(splitWords('C:\\llama\\llama-server.exe -m "D:\\my models\\a.gguf"', true)).toEqual([
    "C:\\llama\\llama-server.exe",
    "-m",
    "D:\\my models\\a.gguf",
  ]);
});
