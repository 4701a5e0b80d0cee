import { isDeepStrictEqual } from "node:util";
import { CONSTANT_HEADER } from "../../src/rewrite/passes/billing-header.ts";
import { UNREAD_DOCUMENT, UNSEEN_IMAGE } from "../../src/rewrite/passes/unreadable.ts";
import type { Setup } from "../../tests/rewrite/checked.ts";
import type { Json } from "../../tests/support/json.ts";

/** The top-level key whose value must not differ from the original but does; `undefined` if every difference is allowed. */
export function forbiddenDifference(was: Json, is: Json | undefined, setup: Setup): string | undefined {
  const { api, systemTurns, tools, toolOrder, projectParagraphs } = setup;
  if (!isObject(was) || !isObject(is)) return "the whole";
  if (!isDeepStrictEqual(Object.keys(was), Object.keys(is))) return "the keys";
  const folds = systemTurns === "fold" && api === "anthropic";
  const moves = projectParagraphs !== "keep" && api === "anthropic";
  const orders = tools === "stable" && api === "anthropic" && toolOrder !== undefined;
  return Object.keys(was).find((key) => {
    const [before, after] = [readable(was[key]!, key, setup), is[key]!];
    if (key === "system" && moves)
      return !hasParagraphs([...textsOf(after), ...textsIn(is.messages ?? [])], textsOf(before));
    if (key === "system") return !sameContent(before, after);
    if (key === "tools" && orders) return !sameSet(before, after);
    if (key === "messages" && folds)
      return !isDeepStrictEqual(before, after) && !sameTurns(before, after, "system" in was);
    if (key === "messages" && moves)
      return !isDeepStrictEqual(before, after) && !sameTurns(before, after, "system" in was);
    if (key === "messages") return !sameMessages(before, after, "system" in was);
    if (key === "input" && api === "responses") return !sameMessages(before, after, false);
    if (key === "instructions" && api === "responses") return !sameContent(before, after);
    return !isDeepStrictEqual(before, after);
  });
}

// --- internal ---

type Members = Readonly<Record<string, Json>>;

/** With a text for each image and document that the model would not get. */
function readable(list: Json, key: string, { api, vision }: Setup): Json {
  const types = { anthropic: ["image", "document"], openai: ["image_url"], responses: ["input_image"] };
  const replaced: readonly string[] = api && api !== "completion" ? types[api] : [];
  if (key !== (api === "responses" ? "input" : "messages") || !Array.isArray(list)) return list;
  const inBlock = (block: Json): Json => {
    if (!isObject(block)) return block;
    const type = String(block.type);
    if (type === "tool_result")
      return "content" in block ? { ...block, content: inContent(block.content!) } : block;
    if (!replaced.includes(type) || (type !== "document" && vision !== false)) return block;
    return { type: api === "responses" ? "input_text" : "text", text: textFor(block) };
  };
  const inContent = (content: Json): Json => (Array.isArray(content) ? content.map(inBlock) : content);
  return list.map((turn: Json) =>
    isObject(turn) && (turn.role === "user" || turn.role === "tool") && "content" in turn
      ? { ...turn, content: inContent(turn.content!) }
      : turn,
  );
}

function textFor({ type, source }: Members): string {
  if (type !== "document") return UNSEEN_IMAGE;
  const isText = isObject(source) && source.type === "text" && typeof source.data === "string";
  return isText ? String(source.data) : UNREAD_DOCUMENT;
}

/** In a string, or in the text of a text block, the constant header may replace another one. */
function sameContent(was: Json, is: Json): boolean {
  if (typeof was === "string" && typeof is === "string") return sameText(was, is);
  if (!Array.isArray(was) || !Array.isArray(is) || was.length !== is.length)
    return isDeepStrictEqual(was, is);
  return was.every((block: Json, at) => {
    const now = is[at] as Json;
    if (!isObject(block) || !isText(block) || typeof block.text !== "string") {
      return isDeepStrictEqual(block, now);
    }
    const text = isObject(now) ? now.text : undefined;
    return isDeepStrictEqual({ ...block, text }, now) && sameText(block.text, String(text));
  });
}

function isText({ type }: Members): boolean {
  return type === "text" || type === "input_text";
}

function sameText(was: string, is: string): boolean {
  if (was === is) return true;
  if (!was.startsWith("x-anthropic-billing-header:") || !is.startsWith(CONSTANT_HEADER)) return false;
  return was.endsWith(is.slice(CONSTANT_HEADER.length));
}

/** Only in the first message the header may be replaced, and only if there is no `system`. */
function sameMessages(was: Json, is: Json, hasSystem: boolean): boolean {
  if (!Array.isArray(was) || !Array.isArray(is) || hasSystem) return isDeepStrictEqual(was, is);
  const [first, now] = [was[0], is[0]];
  if (!isObject(first) || !isObject(now)) return isDeepStrictEqual(was, is);
  return (
    isDeepStrictEqual(
      [{ ...first, content: null }, was.slice(1)],
      [{ ...now, content: null }, is.slice(1)],
    ) && sameContent(first.content ?? null, now.content ?? null)
  );
}

/** Folded or moved: every paragraph of the client that says something is still there, and the turns of other roles are unchanged. */
function sameTurns(was: Json, is: Json, hasSystem: boolean): boolean {
  const others = (messages: Json) => (messages as Members[]).filter(({ role }) => !isClients(role));
  return sameMessages(others(was), others(is), hasSystem) && hasParagraphs(textsIn(is), textsIn(was));
}

function hasParagraphs(written: readonly string[], texts: readonly string[]): boolean {
  const all = written.join("\u0001");
  const paragraphs = texts.flatMap((text) => text.split(/\r?\n(?:[ \t]*\r?\n)+/));
  return paragraphs.every(
    (words) =>
      /<total_tokens>|^x-anthropic-billing-header:|^\s*(Tool loaded\.\s*)?$/.test(words) ||
      all.includes(words),
  );
}

function isClients(role: Json | undefined): boolean {
  return role === "user" || role === "system";
}

/** The texts and images of the client's turns, including those in tool results. */
function textsIn(messages: Json): string[] {
  if (!Array.isArray(messages)) return [];
  return messages
    .filter(isObject)
    .filter(({ role }) => isClients(role))
    .flatMap(({ content }) => textsOf(content));
}

function textsOf(content: Json | undefined): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).flatMap((block) => {
    if (block.type === "text") return [String(block.text)];
    if (block.type === "image") return [JSON.stringify(block.source ?? null)];
    return block.type === "tool_result" ? textsOf(block.content) : [];
  });
}

function sameSet(was: Json, is: Json): boolean {
  const sorted = (value: Json) =>
    Array.isArray(value) ? value.map((item) => JSON.stringify(item)).toSorted() : value;
  return isDeepStrictEqual(sorted(was), sorted(is));
}

function isObject(value: Json | undefined): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
