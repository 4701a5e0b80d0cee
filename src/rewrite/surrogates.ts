/**
 * Replaces every escape of half a character (`\ud83d` without its other half) in a JSON body by `\ufffd`, the replacement character,
 * as `String.prototype.toWellFormed` does. llama-server refuses a body with such an escape, and the client sends it again with every
 * later request: it comes from a text that was cut in the middle of an emoji. Both have six bytes, so that no offset changes.
 * `count` is how many there were; without any, `bytes` is the buffer that came in.
 */
export function replaceLoneSurrogates(bytes: Buffer): { readonly bytes: Buffer; readonly count: number } {
  const places = mayHaveSurrogates(bytes) ? lonePlaces(bytes.toString("latin1")) : [];
  if (places.length === 0) return { bytes, count: 0 };
  // As in `splice`: the result must own its whole ArrayBuffer.
  const replaced = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(replaced);
  for (const place of places) replaced.write("\\ufffd", place, "latin1");
  return { bytes: replaced, count: places.length };
}

// --- internal ---

/** Most bodies hold none: clients escape neither emoji nor other scripts. */
function mayHaveSurrogates(bytes: Buffer): boolean {
  return bytes.includes("\\ud") || bytes.includes("\\uD");
}

/** A pair, or one half of it (RFC 8259, section 7). */
const SURROGATES =
  /\\u[dD][89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|\\u[dD][c-fC-F][0-9a-fA-F]{2}/g;

function lonePlaces(json: string): number[] {
  const places: number[] = [];
  SURROGATES.lastIndex = 0;
  for (let found = SURROGATES.exec(json); found; found = SURROGATES.exec(json)) {
    if (isEscaped(json, found.index)) SURROGATES.lastIndex = found.index + 1;
    else if (found[1] === undefined) places.push(found.index);
  }
  return places;
}

/** A backslash is escaped itself if an odd number of backslashes precedes it. */
function isEscaped(json: string, at: number): boolean {
  let before = at;
  while (json[before - 1] === "\\") before--;
  return (at - before) % 2 === 1;
}
