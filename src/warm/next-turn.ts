import { type Edit, splice } from "../rewrite/splice.ts";
import { oneTokenEdits, type WarmableBody } from "./body.ts";

/**
 * The user turn at the end of a warm-up. The next real request has the user's words in its place. Chat templates render the turns before it
 * as they will then.
 */
export const PLACEHOLDER = '{"role":"user","content":[{"type":"text","text":"."}]}';

/**
 * The warm-up for the request that will follow this one: the same bytes with the assistant's answer and a one-character user turn appended to
 * `messages`, `max_tokens` 1 and `stream` true. `turn` is the JSON of a message. Without it, the request itself as a warm-up.
 */
export function nextTurn(body: WarmableBody, turn: string | undefined): Buffer {
  const { end } = body.turns.at(-1)!;
  const appended: Edit[] =
    turn === undefined ? [] : [{ start: end, end, pieces: [",", inAscii(turn), ",", PLACEHOLDER] }];
  return splice(body.bytes, [...appended, ...oneTokenEdits(body)]);
}

// --- internal ---

/** The pieces of an edit are ASCII. An escape is the same character to every JSON parser. */
function inAscii(json: string): string {
  return json.replace(
    /[^\0-\x7f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
