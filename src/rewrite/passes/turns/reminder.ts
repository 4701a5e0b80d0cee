import { isUtf8 } from "node:buffer";
import { hasBytesAt, insideOf, type RawText } from "../../json-bytes.ts";
import { invalidString, type StringValue, textOf } from "../../scan.ts";

const OPEN = "<system-reminder>";
const CLOSE = "</system-reminder>";

/** Whether the whole text, apart from white space around it, is one of the client's own reminders. */
export function isReminder(bytes: Buffer, text: StringValue): boolean {
  if (!mayBeginWithTag(bytes, text)) return false;
  if (isPlainlyWrapped(bytes, text)) return true;
  const words = textOf(bytes, text).trim();
  return words.startsWith(OPEN) && words.endsWith(CLOSE);
}

/** The text as a reminder: wrapped unless it already is one. */
export function asReminder(bytes: Buffer, text: StringValue): RawText {
  const raw = rawOf(bytes, text);
  return isReminder(bytes, text) ? raw : [`${OPEN}\\n`, ...raw, `\\n${CLOSE}`];
}

/** The text under a line that says whose words they are. */
export function asUsersWords(bytes: Buffer, text: StringValue): RawText {
  return ["The user wrote this message:\\n", ...rawOf(bytes, text)];
}

/** The inside of a string that is about to be moved. Throws `Unscannable` if it is not valid JSON. */
export function rawOf(bytes: Buffer, text: StringValue): RawText {
  if (!isValid(bytes, text)) throw invalidString(text.start);
  return [insideOf(text)];
}

/** False only if the text begins with neither a tag nor white space. Looks at its first byte: most texts need not be decoded. */
export function mayBeginWithTag(bytes: Buffer, { start }: StringValue): boolean {
  const first = bytes[start + 1]!;
  return first <= 0x20 || first === 0x3c /* < */ || first === 0x5c /* an escape */ || first >= 0x80;
}

// --- internal ---

/** What may be invalid in a string: control characters, and escapes other than the short ones. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
const UNUSUAL = /[\0-\x1f]|\\(?!["\\/bfnrt])/;

/** Most texts need not be decoded: escapes and control characters are ASCII, so latin1 shows them too. */
function isValid(bytes: Buffer, { start, end }: StringValue): boolean {
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

const OPEN_BYTES = Buffer.from(OPEN);
const CLOSE_BYTES = Buffer.from(CLOSE);

/** Whether both tags are written without escapes, as almost every client does: then the text need not be decoded. */
function isPlainlyWrapped(bytes: Buffer, { start, end }: StringValue): boolean {
  let last = end - 1;
  while (bytes[last - 2] === 0x5c && bytes[last - 1] === 0x6e) last -= 2; // Escaped line ends after the tag.
  return hasBytesAt(bytes, start + 1, OPEN_BYTES) && hasBytesAt(bytes, last - CLOSE.length, CLOSE_BYTES);
}
