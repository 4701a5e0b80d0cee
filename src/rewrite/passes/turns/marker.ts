import { type StringValue, textOf } from "../../scan.ts";
import { mayBeginWithTag } from "./reminder.ts";
import type { Block } from "./turn.ts";

/**
 * Claude Code counts the context down after tool results and later prunes old counts from the middle of the history. No two
 * consecutive parts of the pattern match the same blanks: otherwise a long run of blanks would be tried in every possible split.
 */
const MARKER = /^\s*<total_tokens>\s*\d[\d.,_ ]*(?:[^\S ]\s*)?tokens left\s*<\/total_tokens>\s*$/;

/** A marker has about 45 bytes. Longer texts need not be decoded. */
const MARKER_MAX_BYTES = 256;

/** Whether a text is nothing but a `<total_tokens>` marker. */
export function isMarker(bytes: Buffer, text: StringValue): boolean {
  const mayBe = text.end - text.start <= MARKER_MAX_BYTES && mayBeginWithTag(bytes, text);
  return mayBe && MARKER.test(textOf(bytes, text));
}

export function isMarkerBlock(bytes: Buffer, { text }: Block): boolean {
  return text !== undefined && isMarker(bytes, text);
}
