import {
  insertion,
  insideOf,
  join,
  type RawText,
  type RawValue,
  replacement,
  textBlock,
} from "./json-bytes.ts";
import { type ArrayValue, type StringValue, Unscannable, wordOf } from "./scan.ts";
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
  if (content?.kind === "string") return appendToString(content, additions);
  if (content?.kind === "array") return [appendToArray(content, additions)];
  const text = onlyText(additions);
  const whole = text ? ['"', ...text, '"'] : ["[", ...blocksOf(additions), "]"];
  if (content === undefined) return [insertion(value.end - 1, [',"content":', ...whole])];
  if (bytes.toString("latin1", content.start, content.end) === "null") return [replacement(content, whole)];
  throw new Unscannable(`a tool result of unknown shape at byte ${content.start}`);
}

/** llama-server drops `tool_reference` blocks (server-chat.cpp knows text and image only): each becomes a text that names the tool. */
export function nameLoadedTools(result: Block): Edit[] {
  if (result.content?.kind !== "array") return [];
  return result.content.items.flatMap((item) => {
    const name =
      item.kind === "object" && wordOf(item.members.type) === "tool_reference"
        ? item.members.tool_name
        : undefined;
    if (name?.kind !== "string") return [];
    // The line end keeps two names apart: llama-server joins the texts of a result without a separator.
    const text = ["Tool loaded: ", insideOf(name), "\\n"];
    return [replacement(item, textBlock(text))];
  });
}

// --- internal ---

/** An empty line, as JSON writes it. */
const SEPARATOR = "\\n\\n";

function appendToString(content: StringValue, additions: readonly Addition[]): Edit[] {
  const isEmpty = content.end - content.start === 2;
  const text = onlyText(additions);
  if (text) return [insertion(content.end - 1, [isEmpty ? "" : SEPARATOR, ...text])];
  const blocks = blocksOf(additions);
  if (isEmpty) return [replacement(content, ["[", ...blocks, "]"])];
  return [
    insertion(content.start, ['[{"type":"text","text":']),
    insertion(content.end, ["},", ...blocks, "]"]),
  ];
}

function appendToArray(content: ArrayValue, additions: readonly Addition[]): Edit {
  const last = content.items.at(-1);
  const lastText =
    last?.kind === "object" && wordOf(last.members.type) === "text" ? last.members.text : undefined;
  const text = onlyText(additions);
  if (text && lastText?.kind === "string") {
    return insertion(lastText.end - 1, [lastText.end - lastText.start === 2 ? "" : SEPARATOR, ...text]);
  }
  const blocks = text ? textBlock(text) : blocksOf(additions);
  return insertion(last?.end ?? content.end - 1, [last ? "," : "", ...blocks]);
}

/** All additions as one text; `undefined` where a block is among them. */
function onlyText(additions: readonly Addition[]): RawText | undefined {
  const texts: RawText[] = [];
  for (const addition of additions) {
    if (!("text" in addition)) return undefined;
    texts.push(addition.text);
  }
  return join(texts, SEPARATOR);
}

/** The additions as elements of an array. */
function blocksOf(additions: readonly Addition[]): RawValue {
  const blocks = additions.map((addition) =>
    "text" in addition ? textBlock(addition.text) : addition.block,
  );
  return join(blocks, ",");
}
