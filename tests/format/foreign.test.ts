import { describe, expect, test } from "bun:test";
import { foreign, foreignError } from "../../src/format/foreign.ts";

describe("foreign text becomes safe to print", () => {
  test.each<[name: string, text: string, want: string]>([
    ["plain text", "Read, mcp__x__y", "Read, mcp__x__y"],
    ["other languages and emoji", "Größe 漢字 👩‍💻", "Größe 漢字 👩‍💻"],
    ["a forged line", "x\n12:00:00 a1b2 main", "x\\u000a12:00:00 a1b2 main"],
    ["a carriage return", "x\ry", "x\\u000dy"],
    ["an escape sequence", "\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"],
    ["NUL, backspace and DEL", "\0\b\x7f", "\\u0000\\u0008\\u007f"],
    ["C1: CSI in one character", "\x9b31m", "\\u009b31m"],
    ["line and paragraph separators", "a\u2028b\u2029c", "a\\u2028b\\u2029c"],
    ["reversed text", "a\u202eb\u2066c\u200fd\u061ce", "a\\u202eb\\u2066c\\u200fd\\u061ce"],
    ["an unpaired surrogate", "a\ud800b", "a\\ud800b"],
    ["nothing", "", ""],
  ])("%s", (_, text, want) => expect(foreign(text)).toBe(want));

  test("it is never longer than the limit, and never cut in the middle of a character", () => {
    const texts = ["x".repeat(300), "\x1b".repeat(300), "👩".repeat(300), `${"x".repeat(98)}\n`];
    for (const text of texts) {
      for (const length of [1, 7, 8, 99, 100, 101]) {
        const printed = foreign(text, length);
        expect(printed.length).toBeLessThanOrEqual(length);
        expect(printed).toEndWith("…");
        expect(printed.isWellFormed()).toBe(true);
        expect(printed).toMatch(/^(?:x|👩|\\u001b|\\u000a)*…$/u);
      }
    }
    expect(foreign("x".repeat(100))).toBe("x".repeat(100));
  });
});

describe("an error in one line", () => {
  test.each<[name: string, error: unknown, want: string]>([
    ["name and message", new TypeError("no"), "TypeError: no"],
    ["a code", Object.assign(new Error("reset"), { code: "ECONNRESET" }), "Error ECONNRESET: reset"],
    ["a message with escapes", new Error("a\x1b[2J\nb"), "Error: a\\u001b[2J\\u000ab"],
    ["no message", new RangeError(), "RangeError"],
    ["a SyntaxError quotes its input", new SyntaxError("Unexpected identifier secret"), "SyntaxError"],
    ["something thrown that is not an error", "secret", "thrown string"],
    ["nothing", undefined, "thrown undefined"],
  ])("%s", (_, error, want) => expect(foreignError(error)).toBe(want));

  test("it is cut", () => expect(foreignError(new Error("x".repeat(9999))).length).toBe(160));
});
