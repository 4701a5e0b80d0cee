import { isDeepStrictEqual } from "node:util";
import { CONSTANT_HEADER } from "../../src/rewrite/billing-header.ts";
import { isMessagesPath, type RewriteContext } from "../../src/rewrite/rewrite.ts";
import type { Json } from "../../tests/support/json.ts";

/** Where the value of a rewritten body differs from that of the original though it must not; `undefined` where all is well. */
export function forbiddenDifference(
  was: Json,
  is: Json | undefined,
  context: RewriteContext,
): string | undefined {
  if (!isObject(was) || !isObject(is)) return "the whole";
  if (!isDeepStrictEqual(Object.keys(was), Object.keys(is))) return "the keys";
  const folds = context.systemTurns === "fold" && isMessagesPath(context.path);
  return Object.keys(was).find((key) => {
    const [before, after] = [was[key]!, is[key]!];
    if (key === "system") return !sameContent(before, after);
    if (key === "tools" && context.toolOrder) return !sameSet(before, after);
    if (key === "messages" && folds) return !isDeepStrictEqual(before, after) && !sameTurns(before, after);
    if (key === "messages" && !isMessagesPath(context.path))
      return !sameMessages(before, after, "system" in was);
    return !isDeepStrictEqual(before, after);
  });
}

// --- internal ---

type Members = Readonly<Record<string, Json>>;

/** A string, or the text of a text block, may have lost its header for the constant one. */
function sameContent(was: Json, is: Json): boolean {
  if (typeof was === "string" && typeof is === "string") return sameText(was, is);
  if (!Array.isArray(was) || !Array.isArray(is) || was.length !== is.length)
    return isDeepStrictEqual(was, is);
  return was.every((block: Json, at) => {
    const now = is[at] as Json;
    if (!isObject(block) || block.type !== "text" || typeof block.text !== "string") {
      return isDeepStrictEqual(block, now);
    }
    const text = isObject(now) ? now.text : undefined;
    return isDeepStrictEqual({ ...block, text }, now) && sameText(block.text, String(text));
  });
}

function sameText(was: string, is: string): boolean {
  if (was === is) return true;
  if (!was.startsWith("x-anthropic-billing-header:") || !is.startsWith(CONSTANT_HEADER)) return false;
  return was.endsWith(is.slice(CONSTANT_HEADER.length));
}

/** Only the first message may have lost a header, and only where there is no `system`. */
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

/** Folded: each text of the client is still there but for the markers, and each turn of others is as it was. */
function sameTurns(was: Json, is: Json): boolean {
  const others = (messages: Json) => (messages as Members[]).filter(({ role }) => !isOurs(role));
  const written = textsIn(is).join("\u0001");
  return (
    isDeepStrictEqual(others(was), others(is)) &&
    textsIn(was).every((text) => text.includes("<total_tokens>") || written.includes(text))
  );
}

function isOurs(role: Json | undefined): boolean {
  return role === "user" || role === "system";
}

/** The texts and images of the client's turns, those in tool results too. */
function textsIn(messages: Json): string[] {
  return (messages as Members[])
    .filter(({ role }) => isOurs(role))
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
