import { describe, expect, test } from "bun:test";
import { paragraphsOf } from "../../../../src/rewrite/passes/project/paragraphs.ts";

/** Each paragraph with its heading. */
const read = (text: string) =>
  paragraphsOf(text).map(({ start, end, heading }) => [
    text.slice(start, end),
    heading && text.slice(heading.start, heading.end),
  ]);

describe("paragraphsOf", () => {
  test.each([
    ["one", "a\nb", [["a\nb", undefined]]],
    ["none", "", [["", undefined]]],
    [
      "blank lines of several kinds",
      "a\n\nb\n \t\nc\r\n\r\nd\n\n\n\ne",
      ["a", "b", "c", "d", "e"].map((word) => [word, undefined]),
    ],
    [
      "a heading alone, for all that follows",
      "# One\n\na\n\nb\n\n## Two\n\nc",
      [
        ["# One", "# One"],
        ["a", "# One"],
        ["b", "# One"],
        ["## Two", "## Two"],
        ["c", "## Two"],
      ],
    ],
    [
      "a heading with text under it",
      "# One\na\n\nb",
      [
        ["# One\na", "# One"],
        ["b", "# One"],
      ],
    ],
    [
      "a number sign in code is not a heading",
      "# One\n\n```sh\n# not\n\n# this\n```\n\na",
      [
        ["# One", "# One"],
        ["```sh\n# not", "# One"],
        ["# this\n```", "# One"],
        ["a", "# One"],
      ],
    ],
    [
      "nor is a tag",
      "#tag\n\na",
      [
        ["#tag", undefined],
        ["a", undefined],
      ],
    ],
  ])("%s", (_, text, want) => {
    expect(read(text)).toEqual(want as ReturnType<typeof read>);
  });
});
