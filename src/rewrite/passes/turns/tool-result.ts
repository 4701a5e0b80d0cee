import { insertion, join, type RawText, type RawValue, replacement, textBlock } from "../../json-bytes.ts";
import { type ArrayValue, type StringValue, Unscannable, type Value, wordOf } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { rawOf } from "./reminder.ts";
import type { Block } from "./turn.ts";

/** What is put into a tool result: a text, or a whole block (an image that came with the user's words). */
export type Addition = { readonly text: RawText } | { readonly block: RawValue };

/**
 * The edits that append to what a tool returned: a string, an array, nothing, or only an image. A text continues the last text, so that the
 * string form and the array form look the same to the model. Throws `Unscannable` if the result is an object, a number, or a boolean.
 */
export function appendToResult(bytes: Buffer, result: Block, additions: readonly Addition[]): Edit[] {
  if (additions.length === 0) return [];
  const { content, value } = result;
  if (content?.kind === "string") return appendToString(content, additions);
  if (content?.kind === "array") return [appendToArray(content, additions)];
  const text = onlyText(additions);
  const whole = text ? ['"', ...text, '"'] : ["[", ...blocksFrom(additions), "]"];
  if (content === undefined) return [insertion(value.end - 1, [',"content":', ...whole])];
  if (bytes.toString("latin1", content.start, content.end) === "null") return [replacement(content, whole)];
  throw new Unscannable(`a tool result of unknown shape at byte ${content.start}`);
}

/** The edits that turn each `tool_reference` in a result into a text. Throws `Unscannable` if a name is not valid JSON. */
export function nameLoadedTools(bytes: Buffer, result: Block): Edit[] {
  if (result.content?.kind !== "array") return [];
  return result.content.items.flatMap((item) => {
    const text = loadedTool(bytes, item);
    return text ? [replacement(item, textBlock(text))] : [];
  });
}

/** The text that replaces a `tool_reference`, which llama-server drops (server-chat.cpp reads only text and images); `undefined` for other blocks. Throws as `rawOf` does. */
export function loadedTool(bytes: Buffer, block: Value): RawText | undefined {
  if (block.kind !== "object" || wordOf(block.members.type) !== "tool_reference") return undefined;
  const { tool_name: name } = block.members;
  // The line end separates two names: llama-server joins the texts of a result without a separator.
  return name?.kind === "string" ? ["Tool loaded: ", ...rawOf(bytes, name), "\\n"] : undefined;
}

// --- internal ---

/** An empty line, in the escapes of JSON. */
const SEPARATOR = "\\n\\n";

function appendToString(content: StringValue, additions: readonly Addition[]): Edit[] {
  const isEmpty = content.end - content.start === 2;
  const text = onlyText(additions);
  if (text) return [insertion(content.end - 1, [isEmpty ? "" : SEPARATOR, ...text])];
  const blocks = blocksFrom(additions);
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
  const blocks = text ? textBlock(text) : blocksFrom(additions);
  return insertion(last?.end ?? content.end - 1, [last ? "," : "", ...blocks]);
}

/** All additions as one text; `undefined` if a block is among them. */
function onlyText(additions: readonly Addition[]): RawText | undefined {
  const texts: RawText[] = [];
  for (const addition of additions) {
    if (!("text" in addition)) return undefined;
    texts.push(addition.text);
  }
  return join(texts, SEPARATOR);
}

/** The additions as elements of an array. */
function blocksFrom(additions: readonly Addition[]): RawValue {
  const blocks = additions.map((addition) =>
    "text" in addition ? textBlock(addition.text) : addition.block,
  );
  return join(blocks, ",");
}
