import { describe, expect, test } from "bun:test";
import { headOf, projectOf } from "../../src/warm/head.ts";
import { conversation, MARK } from "../support/conversation.ts";
import type { Json } from "../support/json.ts";
import { property } from "../support/seeded.ts";

const REMINDER = "<system-reminder>\nWorking directory: /home/me/shop\n</system-reminder>";
const text = (words: string) => ({ type: "text", text: words });
const headMessages = (body: object): Json =>
  JSON.parse(headOf(Buffer.from(JSON.stringify(body)))!.toString()).messages;
const firstTurn = (...content: Json[]) => ({
  messages: [
    { role: "user", content },
    { role: "assistant", content: "secret" },
  ],
});

describe("headOf", () => {
  test("keeps system, tools and the leading reminders, and drops everything from the user's words on", () => {
    const body = {
      ...{ model: "m", system: [text("You help.")], tools: [{ name: "Bash" }], metadata: { user_id: "me" } },
      ...{
        max_tokens: 32_000,
        thinking: { type: "adaptive" },
        ...firstTurn(text(REMINDER), text("secret"), text(REMINDER)),
      },
    };
    expect(JSON.parse(headOf(Buffer.from(JSON.stringify(body)))!.toString())).toEqual({
      ...body,
      metadata: {},
      max_tokens: 1,
      stream: true,
      messages: [{ role: "user", content: [text(REMINDER), text(".")] }],
    });
  });

  test.each([
    ["a string", { messages: [{ role: "user", content: "secret" }] }],
    ["words first", firstTurn(text("secret"), text(REMINDER))],
    ["words between two reminders in one text", firstTurn(text(`${REMINDER} secret ${REMINDER}`))],
    ["words after a reminder in one text", firstTurn(text(`${REMINDER}\nsecret`))],
    ["a command", firstTurn(text("<command-message>secret</command-message>"))],
    ["a block without text", firstTurn({ type: "image", source: { data: "secret" } })],
  ])("has no reminder and no word of the user when the first turn is %s", (_, body) => {
    expect(headMessages(body)).toEqual([{ role: "user", content: [text(".")] }]);
  });

  test("does not exist for a body without a first user turn", () => {
    expect(headOf(Buffer.from('{"messages":[{"role":"assistant","content":"hi"}]}'))).toBeUndefined();
    expect(headOf(Buffer.from("{"))).toBeUndefined();
    expect(headOf(Buffer.from('{"messages":[]}'))).toBeUndefined();
  });

  property("holds no word of the user and nothing after the first user turn", 300, (random) => {
    const history = conversation(random);
    for (let turns = random.below(6); turns > 0; turns--) history.grow();
    const messages = history.request();
    const [first] = messages;
    const head = headOf(Buffer.from(JSON.stringify({ messages })));
    if (first?.role !== "user") return expect(head).toBeUndefined();
    const blocks = (typeof first.content === "string" ? [text(first.content)] : first.content) as Record<
      string,
      string
    >[];
    const kept = blocks.findIndex((block) => !block.text?.includes("<system-reminder>"));
    const allowed = marksIn(JSON.stringify(blocks.slice(0, kept < 0 ? blocks.length : kept)));
    expect(marksIn(head!.toString())).toEqual(allowed);
  });
});

describe("projectOf", () => {
  const head = (system: string) => Buffer.from(JSON.stringify({ system, messages: [] }));

  test("is the working directory in the prompt", () => {
    expect(projectOf(head(" - Primary working directory: /home/me/shop\n - Is a git repository"))).toBe(
      "/home/me/shop",
    );
    expect(projectOf(head("<env>\nWorking directory: /home/me/shop\n"))).toBe("/home/me/shop");
  });

  test("is one of its own for each head that names none", () => {
    expect(projectOf(head("one"))).not.toBe(projectOf(head("two")));
    expect(projectOf(head("one"))).toBe(projectOf(head("one")));
  });
});

// --- internal ---

function marksIn(json: string): string[] {
  return [...json.matchAll(MARK)].map(([mark]) => mark);
}
