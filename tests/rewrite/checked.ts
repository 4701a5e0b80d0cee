import { expect } from "bun:test";
import type { ApiShape } from "../../src/request/endpoints.ts";
import type { RewriteContext, RewriteSettings } from "../../src/rewrite/pass.ts";
import { CONSTANT_HEADER } from "../../src/rewrite/passes/billing-header.ts";
import { type Rewritten, readBody, rewrite } from "../../src/rewrite/rewrite.ts";
import { type Edit, type Pieces, splice } from "../../src/rewrite/splice.ts";

/** Everything that the result depends on besides the body. */
export interface Setup extends RewriteSettings, RewriteContext {
  readonly api: ApiShape | undefined;
}

/** Only the header is made constant. */
export const HEADER_ONLY: Setup = {
  api: "anthropic",
  systemTurns: "keep",
  tools: "keep",
  projectParagraphs: "keep",
};
export const FOLD: Setup = {
  api: "anthropic",
  systemTurns: "fold",
  tools: "stable",
  projectParagraphs: "move",
};
export const OPENAI: Setup = { ...FOLD, api: "openai" };
export const RESPONSES: Setup = { ...FOLD, api: "responses" };
export const STRICT: Setup = { ...FOLD, strictAlternation: true };

/** Both steps of the rewriting. */
export function rewriteAt(body: Uint8Array, setup: Setup): Rewritten {
  return rewrite(readBody(body, setup.api, setup), setup);
}

/**
 * Rewrites a body and checks what must hold for every body: the input is not written to, no pass failed, a body that
 * JSON.parse accepts is still JSON, and a second rewriting changes nothing and returns the same array.
 */
export function rewriteChecked(body: string | Uint8Array, setup: Setup): Rewritten {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const copy = Buffer.from(bytes);
  const result = rewriteAt(bytes, setup);
  expect(copy.equals(bytes)).toBe(true);
  expect(result.notes.join("\n")).not.toContain("internal error");
  if (result.body !== bytes) {
    expect(copy.equals(result.body)).toBe(false);
    if (isJson(copy)) expect(isJson(Buffer.from(result.body))).toBe(true);
  }
  const again = rewriteAt(result.body, { ...setup, toolOrder: result.toolOrder ?? setup.toolOrder });
  expect(again.body === result.body).toBe(true);
  return result;
}

export function rewrittenText(body: string | Uint8Array, setup: Setup): string {
  return Buffer.from(rewriteChecked(body, setup).body).toString();
}

/** The array that came in goes out. */
export function expectUnchanged(body: string | Uint8Array, setup: Setup): Rewritten {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const result = rewriteChecked(bytes, setup);
  expect(result.body === bytes).toBe(true);
  return result;
}

/** Checks the contract of edits and applies them one by one, from the last to the first: a slow `splice` to compare with. */
export function applied(bytes: Buffer, edits: readonly Edit[]): Buffer {
  let end = bytes.length;
  let result: Buffer = bytes;
  const sorted = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  for (const edit of sorted.toReversed()) {
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

/** The bytes of pieces; spans are taken from the body. */
export function written(body: Buffer, pieces: Pieces): Buffer {
  return Buffer.concat(
    pieces.map((piece) =>
      typeof piece === "string" ? Buffer.from(piece) : body.subarray(piece.start, piece.end),
    ),
  );
}

/** A parsed body with the header of every text in the right places made constant. */
export function withConstantHeader(value: unknown, { api }: Setup): unknown {
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = { ...value };
  if ("system" in out) out.system = inContent(out.system);
  else if ("messages" in out) out.messages = inFirst(out.messages);
  if (api !== "responses") return out;
  if (typeof out.instructions === "string") out.instructions = inText(out.instructions);
  if ("input" in out) out.input = inFirst(out.input);
  return out;
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

function inFirst(list: unknown): unknown {
  const [first, ...rest] = Array.isArray(list) ? list : [];
  if (!isObject(first) || !("content" in first)) return list;
  if (first.role !== "system" && first.role !== "developer") return list;
  return [{ ...first, content: inContent(first.content) }, ...rest];
}

function inContent(content: unknown): unknown {
  if (typeof content === "string") return inText(content);
  if (!Array.isArray(content)) return content;
  return content.map((block) =>
    isObject(block) &&
    (block.type === "text" || block.type === "input_text") &&
    typeof block.text === "string"
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

/** Where the field at `start` ends, its semicolon included; `start` if there is none. */
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

/** Everything that JSON may write without an escape, except the blank and the semicolon. */
const VALUE = /[^;"\\ \p{Cc}\p{Cs}]*/uy;

function isLineEnd(text: string, at: number): boolean {
  return at === text.length || text[at] === "\n" || text[at] === "\r";
}
