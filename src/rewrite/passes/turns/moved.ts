import { type RawValue, textBlock } from "../../json-bytes.ts";
import { isMarkerBlock } from "./marker.ts";
import { asUsersWords, isReminder, rawOf } from "./reminder.ts";
import { type Addition, loadedTool } from "./tool-result.ts";
import type { Block, Turn } from "./turn.ts";

/** The blocks of a user turn, without markers, as they go into another user turn. */
export function valuesOf(bytes: Buffer, { content }: Turn): RawValue[] {
  if ("kind" in content) return [textBlock(rawOf(bytes, content))];
  return content.filter((block) => !isMarkerBlock(bytes, block)).map(({ value }) => [value]);
}

/** The blocks of a user turn, without markers, as they go into a tool result. */
export function additionsOf(bytes: Buffer, { content }: Turn): Addition[] {
  if ("kind" in content) return [{ text: asUsersWords(bytes, content) }];
  return content.filter((block) => !isMarkerBlock(bytes, block)).map((block) => additionOf(bytes, block));
}

/** One block of a user turn as it goes into a tool result: the user's own words say whose they are. */
export function additionOf(bytes: Buffer, block: Block): Addition {
  const loaded = loadedTool(block.value);
  if (loaded) return { text: loaded };
  if (!block.text) return { block: [block.value] };
  return { text: isReminder(bytes, block.text) ? rawOf(bytes, block.text) : asUsersWords(bytes, block.text) };
}
