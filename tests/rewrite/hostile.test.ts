/**
 * Bodies that nobody sends but to do harm, or by a mistake: what is done once for each of many must not cost the many each time,
 * or one request holds up all others for minutes. Each of these once did, or was left alone without need.
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

test("texts that begin like a marker and go on with blanks", () => {
  const almost = text(`<total_tokens>${" ".repeat(230)}`);
  expect(notesOf({ messages: [user(many(20_000, () => almost))] })).toEqual([]);
});

test("a turn of many blocks with many system turns behind it", () => {
  const turns = [user(many(40_000, () => text("a"))), ...many(40_000, () => system("s"))];
  expect(notesOf({ messages: turns })).toEqual(["system turns folded: 40000"]);
});

test("many user turns in a row where the template demands alternation", () => {
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

test("many tools that all move", () => {
  const tools = many(60_000, (index) => ({ name: `t${index}` }));
  const [note] = notesOf({ tools, messages: [] }, { ...FOLD, toolOrder: ["t59999"] });
  expect(note?.split(", ").length).toBe(60_000);
});
