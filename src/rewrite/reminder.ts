import { concat, type RawText } from "./json-bytes.ts";
import { type StringValue, textOf } from "./scan.ts";

const OPEN = "<system-reminder>";
const CLOSE = "</system-reminder>";

/** Claude Code counts the context down behind tool results and later prunes old counts from the middle of the history. */
const MARKER = /^\s*<total_tokens>\s*[\d.,_ ]+\s*tokens left\s*<\/total_tokens>\s*$/;

/** A marker is about 45 bytes; longer texts need not be decoded to know that they are none. */
const MARKER_MAX_BYTES = 256;

/** Whether a text is nothing but a `<total_tokens>` marker. */
export function isMarker(bytes: Buffer, text: StringValue): boolean {
  return text.end - text.start <= MARKER_MAX_BYTES && MARKER.test(textOf(bytes, text));
}

/** Whether a whole text is wrapped as the client's own reminder, white space around it apart. */
export function isReminder(bytes: Buffer, text: StringValue): boolean {
  const words = textOf(bytes, text).trim();
  return words.startsWith(OPEN) && words.endsWith(CLOSE);
}

/** The text as a reminder: wrapped unless it already is. */
export function asReminder(bytes: Buffer, text: StringValue): RawText {
  const wrapped = isReminder(bytes, text);
  const raw = bytes.subarray(text.start + 1, text.end - 1);
  return wrapped ? raw : concat(`${OPEN}\\n`, raw, `\\n${CLOSE}`);
}

/** The text with a line above it that says whose words they are. */
export function asUsersWords(bytes: Buffer, text: StringValue): RawText {
  return concat("The user wrote this message:\\n", rawOf(bytes, text));
}

/** The inside of a string that is known to be sound JSON: it is about to stand in another place. */
export function rawOf(bytes: Buffer, text: StringValue): RawText {
  textOf(bytes, text);
  return bytes.subarray(text.start + 1, text.end - 1);
}
