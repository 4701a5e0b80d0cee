import { concat, insertion, join, type RawText, type RawValue, textBlock } from "./json-bytes.ts";
import { type ObjectValue, textOf, Unscannable, type Value } from "./scan.ts";
import type { Edit } from "./splice.ts";
import type { Block } from "./turns.ts";

/** What is put into a tool result: a text, or a whole block (an image that came with the user's words). */
export type Addition = { readonly text: RawText } | { readonly block: RawValue };

/**
 * The edits that append to what a tool returned, whether that is a string, an array, empty, absent or only an image. A
 * text continues the last text, so that string and array form say the same to the model.
 */
export function appendToResult(bytes: Buffer, result: Block, additions: readonly Addition[]): Edit[] {
  if (additions.length === 0) return [];
  const { content, value } = result;
  const texts = additions.map((addition) => ("text" in addition ? addition.text : undefined));
  const onlyTexts = texts.every((text) => text !== undefined) ? join(texts, SEPARATOR) : undefined;
  const whole = onlyTexts ? concat('"', onlyTexts, '"') : arrayOf(additions);
  if (content === undefined) return [insertion(value.end - 1, ',"content":', whole)];
  if (content.kind === "string") return appendToString(content, additions, onlyTexts);
  if (content.kind === "array") return appendToArray(bytes, content, additions, onlyTexts);
  if (bytes.toString("latin1", content.start, content.end) !== "null") {
    throw new Unscannable(`a tool result of unknown shape at byte ${content.start}`);
  }
  return [{ start: content.start, end: content.end, bytes: whole }];
}

/** llama-server drops `tool_reference` blocks (server-chat.cpp knows text and image only): each becomes a text that names the tool. */
export function nameLoadedTools(bytes: Buffer, result: Block): Edit[] {
  if (result.content?.kind !== "array") return [];
  return result.content.items.flatMap((item) => {
    const name =
      item.kind === "object" && typeOf(bytes, item) === "tool_reference" ? item.members.tool_name : undefined;
    if (name?.kind !== "string") return [];
    // The line end keeps two names apart: llama-server joins the texts of a result without a separator.
    const text = concat("Tool loaded: ", bytes.subarray(name.start + 1, name.end - 1), "\\n");
    return [{ start: item.start, end: item.end, bytes: textBlock(text) }];
  });
}

// --- internal ---

/** An empty line, as JSON writes it. */
const SEPARATOR = "\\n\\n";

function appendToString(
  content: Value,
  additions: readonly Addition[],
  onlyTexts: RawText | undefined,
): Edit[] {
  const isEmpty = content.end - content.start === 2;
  if (onlyTexts) return [insertion(content.end - 1, isEmpty ? "" : SEPARATOR, onlyTexts)];
  const blocks = join(blocksOf(additions), ",");
  if (isEmpty) return [{ start: content.start, end: content.end, bytes: concat("[", blocks, "]") }];
  return [insertion(content.start, '[{"type":"text","text":'), insertion(content.end, "},", blocks, "]")];
}

function appendToArray(
  bytes: Buffer,
  content: Value & { kind: "array" },
  additions: readonly Addition[],
  onlyTexts: RawText | undefined,
): Edit[] {
  const last = content.items.at(-1);
  const text = last?.kind === "object" && typeOf(bytes, last) === "text" ? last.members.text : undefined;
  if (onlyTexts && text?.kind === "string") {
    return [insertion(text.end - 1, text.end - text.start === 2 ? "" : SEPARATOR, onlyTexts)];
  }
  const blocks = onlyTexts ? textBlock(onlyTexts) : join(blocksOf(additions), ",");
  return [insertion(last?.end ?? content.end - 1, last ? "," : "", blocks)];
}

function arrayOf(additions: readonly Addition[]): RawValue {
  return concat("[", join(blocksOf(additions), ","), "]");
}

function blocksOf(additions: readonly Addition[]): RawValue[] {
  return additions.map((addition) => ("text" in addition ? textBlock(addition.text) : addition.block));
}

function typeOf(bytes: Buffer, { members }: ObjectValue): string | undefined {
  return members.type?.kind === "string" ? textOf(bytes, members.type) : undefined;
}
