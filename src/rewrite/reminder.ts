import { isUtf8 } from "node:buffer";
import { insideOf, type RawText } from "./json-bytes.ts";
import { type StringValue, standsAt, textOf, Unscannable } from "./scan.ts";

const OPEN = "<system-reminder>";
const CLOSE = "</system-reminder>";

/**
 * Claude Code counts the context down behind tool results and later prunes old counts from the middle of the history. No two
 * parts of the pattern that follow one another take the same blanks: else a text of blanks only would be tried in all ways.
 */
const MARKER = /^\s*<total_tokens>\s*\d[\d.,_ ]*(?:[^\S ]\s*)?tokens left\s*<\/total_tokens>\s*$/;

/** A marker is about 45 bytes; longer texts need not be decoded to know that they are none. */
const MARKER_MAX_BYTES = 256;

/** Whether a text is nothing but a `<total_tokens>` marker. */
export function isMarker(bytes: Buffer, text: StringValue): boolean {
  const mayBe = text.end - text.start <= MARKER_MAX_BYTES && mayBeginWithTag(bytes, text);
  return mayBe && MARKER.test(textOf(bytes, text));
}

/** Whether a whole text is wrapped as the client's own reminder, white space around it apart. */
export function isReminder(bytes: Buffer, text: StringValue): boolean {
  if (!mayBeginWithTag(bytes, text)) return false;
  if (isPlainlyWrapped(bytes, text)) return true;
  const words = textOf(bytes, text).trim();
  return words.startsWith(OPEN) && words.endsWith(CLOSE);
}

/** The text as a reminder: wrapped unless it already is. */
export function asReminder(bytes: Buffer, text: StringValue): RawText {
  const raw = rawOf(bytes, text);
  return isReminder(bytes, text) ? raw : [`${OPEN}\\n`, ...raw, `\\n${CLOSE}`];
}

/** The text with a line above it that says whose words they are. */
export function asUsersWords(bytes: Buffer, text: StringValue): RawText {
  return ["The user wrote this message:\\n", ...rawOf(bytes, text)];
}

/** The inside of a string, which is about to stand in another place. Throws `Unscannable` when it is no sound JSON. */
export function rawOf(bytes: Buffer, text: StringValue): RawText {
  if (!isSound(bytes, text)) {
    throw new Unscannable(`a string with bad escapes or bytes at byte ${text.start}`);
  }
  return [insideOf(text)];
}

// --- internal ---

/** What may be wrong in a string: control characters, and escapes other than the short ones. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const UNUSUAL = /[\0-\x1f]|\\(?!["\\/bfnrt])/;

/** Escapes and control characters are the same in every encoding, and most texts need not be decoded to know that all is well. */
function isSound(bytes: Buffer, { start, end }: StringValue): boolean {
  const quoted = bytes.toString("latin1", start, end);
  return isUtf8(bytes.subarray(start, end)) && (!UNUSUAL.test(quoted) || isString(quoted));
}

function isString(quoted: string): boolean {
  try {
    return typeof JSON.parse(quoted) === "string";
  } catch {
    return false;
  }
}

/** Whether the text can begin with a tag or white space, as far as its first byte tells: most texts need not be decoded. */
function mayBeginWithTag(bytes: Buffer, { start }: StringValue): boolean {
  const first = bytes[start + 1]!;
  return first <= 0x20 || first === 0x3c /* < */ || first === 0x5c /* an escape */ || first >= 0x80;
}

const OPEN_BYTES = Buffer.from(OPEN);
const CLOSE_BYTES = Buffer.from(CLOSE);

/** Whether both tags can be seen without decoding: a client may write any character as an escape, but hardly any does. */
function isPlainlyWrapped(bytes: Buffer, { start, end }: StringValue): boolean {
  let last = end - 1;
  while (bytes[last - 2] === 0x5c && bytes[last - 1] === 0x6e) last -= 2; // Line ends behind it, as JSON writes them.
  return standsAt(bytes, start + 1, OPEN_BYTES) && standsAt(bytes, last - CLOSE.length, CLOSE_BYTES);
}
