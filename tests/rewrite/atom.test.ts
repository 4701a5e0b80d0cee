import { describe, expect, test } from "bun:test";
import { atomEnd } from "../../src/rewrite/atom.ts";

const end = (text: string) => atomEnd(Buffer.from(`[${text}`), 1);

describe("atomEnd", () => {
  test.each(["0", "-0", "1.5", "1e9", "-1.5E-3", "2e+2", "10", "true", "false", "null"])("of %s", (atom) => {
    for (const after of ["", ",1", "]", "}", " ", "\n", "\t", "\r"])
      expect(end(atom + after)).toBe(1 + atom.length);
    for (const after of ["x", '"', "{", ":", "\u00a0"]) expect(end(atom + after)).toBeUndefined();
  });

  test.each(["", "01", "1.", ".5", "+1", "1e", "0x1", "NaN", "-", "True", "nul", '"a"', "[", " 1"])(
    "rejects %j",
    (text) => {
      expect(end(text)).toBeUndefined();
    },
  );

  test("accepts up to 64 bytes", () => {
    expect(end("9".repeat(64))).toBe(65);
    expect(end(`${"9".repeat(64)},`)).toBe(65);
    for (const digits of [65, 66, 1_000]) expect(end("9".repeat(digits))).toBeUndefined();
  });
});
