import { expect } from "bun:test";
import { CONSTANT_HEADER } from "../../src/rewrite/billing-header.ts";
import { type RewriteContext, type Rewritten, rewrite } from "../../src/rewrite/rewrite.ts";
import { type Edit, type Pieces, splice } from "../../src/rewrite/splice.ts";

/** Only the header is normalised. */
export const HEADER_ONLY: RewriteContext = { path: "/v1/messages", systemTurns: "keep" };
export const OPENAI: RewriteContext = { path: "/v1/chat/completions", systemTurns: "fold" };
export const FOLD: RewriteContext = { path: "/v1/messages", systemTurns: "fold" };
export const STRICT: RewriteContext = { ...FOLD, strictAlternation: true };

/**
 * Rewrites a body and checks what must hold for every body: the input is not written to, no pass broke, a body that
 * JSON.parse takes is still one, a second pass changes nothing and then hands back the same array.
 */
export function rewriteChecked(body: string | Uint8Array, context: RewriteContext): Rewritten {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const copy = Buffer.from(bytes);
  const result = rewrite(bytes, context);
  expect(copy.equals(bytes)).toBe(true);
  expect(result.notes.join("\n")).not.toContain("unexpected error");
  if (result.body !== bytes) {
    expect(copy.equals(result.body)).toBe(false);
    if (isJson(copy)) expect(isJson(Buffer.from(result.body))).toBe(true);
  }
  const again = rewrite(result.body, { ...context, toolOrder: result.toolOrder ?? context.toolOrder });
  expect(again.body === result.body).toBe(true);
  return result;
}

export function rewrittenText(body: string | Uint8Array, context: RewriteContext): string {
  return Buffer.from(rewriteChecked(body, context).body).toString();
}

/** The very array that came in goes out. */
export function expectUntouched(body: string | Uint8Array, context: RewriteContext): Rewritten {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const result = rewriteChecked(bytes, context);
  expect(result.body === bytes).toBe(true);
  return result;
}

/** Checks the contract of edits and applies them one by one, from the last to the first: an own, slow `splice`. */
export function applied(bytes: Buffer, edits: readonly Edit[]): Buffer {
  let end = bytes.length;
  let result: Buffer = bytes;
  for (const edit of edits.toReversed()) {
    expect(edit.start).toBeGreaterThanOrEqual(0);
    expect(edit.end).toBeGreaterThanOrEqual(edit.start);
    expect(edit.end).toBeLessThanOrEqual(end);
    end = edit.start;
    const inside = written(bytes, edit.pieces);
    result = Buffer.concat([result.subarray(0, edit.start), inside, result.subarray(edit.end)]);
  }
  expect(result.equals(splice(bytes, edits))).toBe(true);
  return result;
}

/** The bytes that pieces stand for, taken from the body that they belong to. */
export function written(body: Buffer, pieces: Pieces): Buffer {
  return Buffer.concat(
    pieces.map((piece) =>
      typeof piece === "string" ? Buffer.from(piece) : body.subarray(piece.start, piece.end),
    ),
  );
}

/** The value with the header of every text in the allowed places made constant, found in the parsed value. */
export function withConstantHeader(value: unknown, context: RewriteContext): unknown {
  if (!isObject(value)) return value;
  if ("system" in value) return { ...value, system: inContent(value.system) };
  const [first, ...rest] = Array.isArray(value.messages) ? value.messages : [];
  if (context.path.endsWith("/messages") || !isObject(first)) return value;
  if (!("content" in first) || (first.role !== "system" && first.role !== "developer")) return value;
  return { ...value, messages: [{ ...first, content: inContent(first.content) }, ...rest] };
}

// --- internal ---

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inContent(content: unknown): unknown {
  if (typeof content === "string") return inText(content);
  if (!Array.isArray(content)) return content;
  return content.map((block) =>
    isObject(block) && block.type === "text" && typeof block.text === "string"
      ? { ...block, text: inText(block.text) }
      : block,
  );
}

const NAME = "x-anthropic-billing-header:";

function inText(text: string): string {
  if (!text.startsWith(NAME)) return text;
  let end = NAME.length;
  for (let next = fieldEnd(text, end); next > end; next = fieldEnd(text, end)) end = next;
  if (end > NAME.length) return CONSTANT_HEADER + text.slice(end);
  while (text[end] === " ") end++;
  return isLineEnd(text, end) ? CONSTANT_HEADER + text.slice(end) : text;
}

/** Where the field at `start` ends, its semicolon included; `start` when none stands there. */
function fieldEnd(text: string, start: number): number {
  let at = start;
  while (text[at] === " ") at++;
  const nameStart = at;
  while (at < text.length && "abcdefghijklmnopqrstuvwxyz0123456789_.-".includes(text[at]!)) at++;
  const name = text.slice(nameStart, at);
  const setOff = nameStart > start || name.startsWith("cc");
  if (text[at] !== "=" || name === "" || !setOff || !"abcdefghijklmnopqrstuvwxyz".includes(name[0]!))
    return start;
  VALUE.lastIndex = at;
  at += VALUE.exec(text)![0].length;
  if (text[at] === ";") return at + 1;
  return isLineEnd(text, at) ? at : start;
}

/** All that JSON may write without an escape, but for the blank and the semicolon. */
const VALUE = /[^;"\\ \p{Cc}\p{Cs}]*/uy;

function isLineEnd(text: string, at: number): boolean {
  return at === text.length || text[at] === "\n" || text[at] === "\r";
}
