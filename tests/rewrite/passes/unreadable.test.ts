import { describe, expect, test } from "bun:test";
import { UNREAD_DOCUMENT, UNSEEN_IMAGE } from "../../../src/rewrite/passes/unreadable.ts";
import { readBody } from "../../../src/rewrite/rewrite.ts";
import { expectUnchanged, FOLD, OPENAI, rewriteChecked, type Setup, STRICT } from "../checked.ts";

const BLIND: Setup = { ...FOLD, vision: false };
const text = (words: string) => ({ type: "text", text: words });
const user = (...content: object[]) => ({ role: "user", content });
const result = (...content: object[]) => ({ type: "tool_result", tool_use_id: "t", content });
const asked = { role: "assistant", content: [{ type: "tool_use", id: "t", name: "Read", input: {} }] };
const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBOR" } };
const pdf = { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBER" } };
const unseen = text(UNSEEN_IMAGE);
const unread = text(UNREAD_DOCUMENT);

function rewritten(messages: readonly object[], setup: Setup) {
  const { body, notes } = rewriteChecked(JSON.stringify({ messages }), setup);
  return { messages: JSON.parse(Buffer.from(body).toString()).messages, notes };
}

describe("an image for a model without vision becomes a text", () => {
  test.each([
    ["among words", [user(text("See"), image)], [user(text("See"), unseen)]],
    ["in a tool result", [asked, user(result(image))], [asked, user(result(unseen))]],
    [
      "in a turn that keeps its system turn",
      [user(image), { role: "system", content: "S" }],
      [user(text("<system-reminder>\nS\n</system-reminder>"), unseen)],
    ],
    [
      "after a tool result with the user's words",
      [asked, user(result(text("R")), text("See"), image)],
      [asked, user(result(text("R"))), user(text("See"), unseen)],
    ],
    [
      "as a page of a PDF, after the result that announces it",
      [asked, user(result(text("PDF pages extracted: 1")), image)],
      [asked, user(result(text(`PDF pages extracted: 1\n\n${UNSEEN_IMAGE}`)))],
    ],
  ])("%s", (_, messages, want) => {
    const { messages: out, notes } = rewritten(messages, BLIND);
    expect(out).toEqual(want);
    expect(notes[0]).toBe("images and documents replaced by texts: 1");
  });

  test("with strict alternation it goes into the result without a line that says whose it is", () => {
    const messages = [asked, user(result(text("R")), text("See"), image)];
    expect(rewritten(messages, { ...STRICT, vision: false }).messages).toEqual([
      asked,
      user(result(text(`R\n\nThe user wrote this message:\nSee\n\n${UNSEEN_IMAGE}`))),
    ]);
  });

  test("not where the model sees, or where that is not known", () => {
    const body = JSON.stringify({ messages: [user(text("See"), image)] });
    expectUnchanged(body, { ...FOLD, vision: true });
    expectUnchanged(body, FOLD);
  });

  test("also with --system-turns keep", () => {
    const { messages } = rewritten([user(image)], { ...BLIND, systemTurns: "keep" });
    expect(messages).toEqual([user(unseen)]);
  });

  test("in OpenAI's API and in the Responses API", () => {
    const url = { type: "image_url", image_url: { url: "data:image/png;base64,iVBOR" } };
    expect(rewritten([user(text("See"), url)], { ...OPENAI, vision: false }).messages).toEqual([
      user(text("See"), unseen),
    ]);
    expectUnchanged(JSON.stringify({ messages: [user(url)] }), OPENAI);

    const input = [user({ type: "input_text", text: "See" }, { type: "input_image", image_url: "data:" })];
    const { body } = rewriteChecked(JSON.stringify({ input }), {
      ...OPENAI,
      api: "responses",
      vision: false,
    });
    expect(JSON.parse(Buffer.from(body).toString()).input).toEqual([
      user({ type: "input_text", text: "See" }, { type: "input_text", text: UNSEEN_IMAGE }),
    ]);
  });
});

describe("a document becomes a text, whatever the server", () => {
  test.each([
    ["among words", [user(pdf, text("Read"))], [user(unread, text("Read"))]],
    [
      "in a tool result",
      [asked, user(result(text("PDF file read: a.pdf"), pdf))],
      [asked, user(result(text("PDF file read: a.pdf"), unread))],
    ],
    [
      "after the tool result that announces it",
      [asked, user(result(text("PDF file read: a.pdf")), pdf)],
      [asked, user(result(text(`PDF file read: a.pdf\n\n${UNREAD_DOCUMENT}`)))],
    ],
  ])("%s", (_, messages, want) => {
    expect(rewritten(messages, { ...FOLD, vision: true }).messages).toEqual(want);
  });

  test("of plain text: that text, with its escapes", () => {
    const body =
      '{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a\\u00e9\\n"}}]}]}';
    expect(Buffer.from(rewriteChecked(body, FOLD).body).toString()).toBe(
      '{"messages":[{"role":"user","content":[{"type":"text","text":"a\\u00e9\\n"}]}]}',
    );
  });
});

test("the server is asked for only if the body has an image", () => {
  const asks = (content: object) =>
    readBody(Buffer.from(JSON.stringify({ messages: [user(content)] })), "anthropic", {
      ...FOLD,
      systemTurns: "keep",
    }).asksServer;
  expect(asks(image)).toBe(true);
  expect(asks(result(image))).toBe(true);
  expect(asks(pdf)).toBe(false);
  expect(asks(text("See"))).toBe(false);
});
