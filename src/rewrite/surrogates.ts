/**
 * Replaces every escape of half a character (`\ud83d` without its other half) in a JSON body by `\ufffd`, the replacement character,
 * as `String.prototype.toWellFormed` does. llama-server refuses a body with such an escape, and the client sends it again with every
 * later request: it comes from a text that was cut in the middle of an emoji. Both have six bytes, so that no offset changes.
 * `count` is how many there were; without any, `bytes` is the buffer that came in.
 */
export function replaceLoneSurrogates(bytes: Buffer): { readonly bytes: Buffer; readonly count: number } {
  const places = lonePlaces(bytes, surrogatePlaces(bytes));
  if (places.length === 0) return { bytes, count: 0 };
  // As in `splice`: the result must own its whole ArrayBuffer.
  const replaced = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(replaced);
  for (const place of places) replaced.write("\\ufffd", place, "latin1");
  return { bytes: replaced, count: places.length };
}

// --- internal ---

const ESCAPE_LENGTH = "\\ud83d".length;

const ESCAPE = Buffer.from("\\u");

/** Where escapes of surrogates are. Most bodies hold few escapes by number: clients escape neither emoji nor other scripts. */
function surrogatePlaces(bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(ESCAPE); at >= 0; at = bytes.indexOf(ESCAPE, at + 1))
    if (isSurrogate(bytes, at) && !isEscaped(bytes, at)) places.push(at);
  return places;
}

/** Those without their other half (RFC 8259, section 7). */
function lonePlaces(bytes: Buffer, places: readonly number[]): number[] {
  const lone: number[] = [];
  for (let index = 0; index < places.length; index++) {
    const place = places[index]!;
    const next = places[index + 1];
    const isPair = isHigh(bytes, place) && next === place + ESCAPE_LENGTH && !isHigh(bytes, next);
    if (isPair) index++;
    else lone.push(place);
  }
  return lone;
}

/** Surrogates are U+D800 to U+DFFF. */
function isSurrogate(bytes: Buffer, place: number): boolean {
  return (
    digitAt(bytes, place + 2) === 0xd &&
    digitAt(bytes, place + 3) >= 8 &&
    digitAt(bytes, place + 4) >= 0 &&
    digitAt(bytes, place + 5) >= 0
  );
}

/** The first half of a pair is U+D800 to U+DBFF. */
function isHigh(bytes: Buffer, place: number): boolean {
  return digitAt(bytes, place + 3) < 0xc;
}

/** The value of a hexadecimal digit; -1 for other bytes. */
function digitAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** A backslash is escaped itself if an odd number of backslashes precedes it. */
function isEscaped(bytes: Buffer, at: number): boolean {
  let before = at;
  while (bytes[before - 1] === 0x5c) before--;
  return (at - before) % 2 === 1;
}
