import { type RawValue, textBlock } from "../../json-bytes.ts";
import type { Author, Part } from "./after-results.ts";
import { replacesBlock } from "./client-text.ts";
import { isMarker } from "./marker.ts";
import { asUsersWords, rawOf } from "./reminder.ts";
import { type Addition, loadedTool } from "./tool-result.ts";
import type { Turn } from "./turn.ts";

/** The parts of a turn's content, without markers. A string is one text. */
export function partsOf(bytes: Buffer, { content }: Turn): readonly Part[] {
  const parts: readonly Part[] = "kind" in content ? [{ value: content, text: content }] : content;
  return parts.filter(({ text }) => text === undefined || !isMarker(bytes, text));
}

/** A part as it goes into a user turn. */
export function blockOf(bytes: Buffer, { value, text }: Part): RawValue {
  return value.kind === "string" && text ? textBlock(rawOf(bytes, text)) : [value];
}

/** A part as it goes into a tool result: the user's words say whose they are. */
export function additionOf(bytes: Buffer, { value, text }: Part, author: Author): Addition {
  const loaded = loadedTool(bytes, value);
  if (loaded) return { text: loaded };
  if (!text) return { block: [value] };
  const areWords = author === "user" && !replacesBlock(bytes, text);
  return { text: areWords ? asUsersWords(bytes, text) : rawOf(bytes, text) };
}
