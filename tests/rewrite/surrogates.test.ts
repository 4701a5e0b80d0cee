import { describe, expect, test } from "bun:test";
import { CONSTANT_HEADER } from "../../src/rewrite/passes/billing-header.ts";
import { replaceLoneSurrogates } from "../../src/rewrite/surrogates.ts";
import { randomJson, randomText, serialize } from "../support/json.ts";
import { property, type Random } from "../support/seeded.ts";
import { expectUnchanged, FOLD, OPENAI, rewriteChecked } from "./checked.ts";

function replaced(inside: string): { text: string; count: number } {
  const { bytes, count } = replaceLoneSurrogates(Buffer.from(`{"a":"${inside}"}`));
  return { text: bytes.toString().slice('{"a":"'.length, -'"}'.length), count };
}

describe("half a character becomes the replacement character", () => {
  test.each([
    ["a high half", "cut \\ud83d here", "cut \\ufffd here"],
    ["a low half", "cut \\ude00 here", "cut \\ufffd here"],
    ["capitals", "\\uD83D", "\\ufffd"],
    ["two high halves before a low one", "\\ud83d\\ud83d\\ude00", "\\ufffd\\ud83d\\ude00"],
    ["a low half after a pair", "\\ud83d\\ude00\\ude00", "\\ud83d\\ude00\\ufffd"],
    ["the halves the wrong way round", "\\ude00\\ud83d", "\\ufffd\\ufffd"],
    ["other escapes in between", "\\ud83d\\n\\ude00", "\\ufffd\\n\\ufffd"],
    ["after an escaped backslash", "\\\\\\ud83d", "\\\\\\ufffd"],
    ["before an escaped backslash", "\\ud83d\\\\ude00", "\\ufffd\\\\ude00"],
  ])("%s", (_, inside, want) => {
    expect(replaced(inside).text).toBe(want);
    expect(replaced(inside).count).toBe(want.split("\\ufffd").length - 1);
  });

  test.each([
    ["a pair", "\\ud83d\\ude00"],
    ["a pair in mixed case", "\\uD83d\\udE00"],
    ["an escaped backslash before a u", "\\\\ud83d"],
    ["an escaped backslash before half a pair", "\\\\ud83d\\\\ude00"],
    ["half an escape", "\\ud8"],
    ["an escape with other letters", "\\ud8zz and \\ud83x"],
    ["other characters", "\\ud7ff\\ue000é😀"],
  ])("but not %s", (_, inside) => {
    expect(replaced(inside)).toEqual({ text: inside, count: 0 });
  });

  test("without any the same buffer comes back", () => {
    const bytes = Buffer.from('{"a":"\\\\ud83d"}');
    expect(replaceLoneSurrogates(bytes).bytes).toBe(bytes);
  });

  property("as String.prototype.toWellFormed does it, whatever the escapes", 500, (random) => {
    const value = randomJson(
      random,
      3,
      () => brokenText(random),
      () => brokenText(random),
    );
    const json = serialize(value, random, () => false);
    const { bytes } = replaceLoneSurrogates(Buffer.from(json));
    expect(bytes.length).toBe(Buffer.byteLength(json));
    // JSON.stringify escapes lone halves, so that what is left of them would show.
    expect(JSON.stringify(JSON.parse(bytes.toString()))).toBe(wellFormed(JSON.stringify(JSON.parse(json))));
  });
});

describe("in a request", () => {
  const BODY =
    '{"model":"m","system":"a\\ud83d","tools":[{"name":"T","description":"\\udc00"}],"messages":[{"role":"user","content":"\\ud83d"},{"role":"system","content":"S\\ud83d"}]}';

  test("everywhere, before any text is moved", () => {
    const { body, notes } = rewriteChecked(BODY, FOLD);
    expect(Buffer.from(body).toString()).toBe(
      '{"model":"m","system":"a\\ufffd","tools":[{"name":"T","description":"\\ufffd"}],"messages":[{"role":"user","content":[' +
        '{"type":"text","text":"<system-reminder>\\nS\\ufffd\\n</system-reminder>"},{"type":"text","text":"\\ufffd"}]}]}',
    );
    expect(notes).toEqual(["lone surrogates replaced: 4", "system turns folded: 1"]);
  });

  test("beside the header", () => {
    const body = '{"messages":["\\ud800"],"system":"x-anthropic-billing-header: cc_version=1;\\ud83d"}';
    expect(Buffer.from(rewriteChecked(body, FOLD).body).toString()).toBe(
      `{"messages":["\\ufffd"],"system":"${CONSTANT_HEADER}\\ufffd"}`,
    );
  });

  test.each([OPENAI, { ...OPENAI, api: "responses" as const }, { ...OPENAI, api: undefined }])(
    "in every API: %o",
    (setup) => {
      const body = '{"input":"\\ud83d","x":["\\udc00"],"\\ud83d":1}';
      const { body: out, notes } = rewriteChecked(body, setup);
      expect(Buffer.from(out).toString()).toBe('{"input":"\\ufffd","x":["\\ufffd"],"\\ufffd":1}');
      expect(notes).toEqual(["lone surrogates replaced: 3"]);
    },
  );

  test("a body that is not a JSON object stays", () => {
    expectUnchanged('["\\ud83d"]', FOLD);
    expectUnchanged('{"a":"\\ud83d"', FOLD);
  });
});

// --- internal ---

function brokenText(random: Random): string {
  const pieces = ["\ud800", "\udc00", "\ud83d", "\ude00x", "\\", "u", "d800", randomText(random)];
  return random.some(0, 8, () => random.pick(pieces)).join("");
}

function wellFormed(json: string): string {
  return JSON.stringify(JSON.parse(json), (_, value) =>
    typeof value === "string"
      ? value.toWellFormed()
      : Array.isArray(value) || typeof value !== "object" || value === null
        ? value
        : Object.fromEntries(Object.entries(value).map(([key, member]) => [key.toWellFormed(), member])),
  );
}
