/**
 * Bodies that only an attack or a mistake produces. Work per element must not grow with the number of elements: otherwise one request blocks
 * all others for minutes. Each of these bodies once did that, or was left unchanged for no good reason.
 */
import { expect, test } from "bun:test";
import { FOLD, rewriteChecked, STRICT } from "./checked.ts";

const text = (words: string) => ({ type: "text", text: words });
const user = (content: unknown) => ({ role: "user", content });
const system = (content: unknown) => ({ role: "system", content });
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

function notesOf(body: object, context = FOLD): readonly string[] {
  return rewriteChecked(JSON.stringify(body), context).notes;
}

test("texts that begin like a marker and continue with blanks", () => {
  const almost = text(`<total_tokens>${" ".repeat(230)}`);
  expect(notesOf({ messages: [user(many(20_000, () => almost))] })).toEqual([]);
});

test("a turn of many blocks with many system turns after it", () => {
  const turns = [user(many(40_000, () => text("a"))), ...many(40_000, () => system("s"))];
  expect(notesOf({ messages: turns })).toEqual(["system turns folded: 40000"]);
});

test("many consecutive user turns for a template that demands alternation", () => {
  const turns = [user(many(40_000, () => text("a"))), ...many(40_000, () => user("b"))];
  expect(notesOf({ messages: turns }, STRICT)).toEqual(["user turns joined with the one before: 40000"]);
});

test("a system turn of many blocks", () => {
  const turns = [user("a"), system(many(150_000, () => text("s")))];
  expect(notesOf({ messages: turns })).toEqual(["system turns folded: 1"]);
});

test("a text of many escapes", () => {
  expect(notesOf({ messages: [user("a"), system("\n".repeat(1_500_000))] })).toEqual([
    "system turns folded: 1",
  ]);
});

test("many tools, all of which move", () => {
  const tools = many(60_000, (index) => ({ name: `t${index}` }));
  const [note] = notesOf({ tools, messages: [] }, { ...FOLD, toolOrder: ["t59999"] });
  expect(note?.split(", ").length).toBe(60_000);
});
