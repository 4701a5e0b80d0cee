import type { Random } from "./seeded.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A random value, at most `depth` levels deep. `key` and `text` give keys and strings that a test wants to meet. */
export function randomJson(random: Random, depth: number, key: () => string, text: () => string): Json {
  const kind = random.below(depth > 0 ? 6 : 4);
  if (kind === 0) return random.pick<Json>([null, true, false, 0, -1, 1e300, 0.25, random.below(1e9)]);
  if (kind < 4) return text();
  if (kind === 4) return random.some(0, 4, () => randomJson(random, depth - 1, key, text));
  return Object.fromEntries(random.some(0, 4, () => [key(), randomJson(random, depth - 1, key, text)]));
}

/** A string with what is awkward in JSON: quotes, backslashes, control characters, all widths of UTF-8. No lone surrogates. */
export function randomText(random: Random): string {
  return random.some(0, 12, () => random.pick(AWKWARD)).join("");
}

/**
 * Writes a value as some client may: any white space, any escapes. Strings for which `verbatim` holds are written as
 * `JSON.stringify` writes them and use up no randomness: two values that differ in those only are written alike.
 */
export function serialize(value: Json, random: Random, verbatim: (text: string) => boolean): string {
  const write = (part: Json): string => {
    const [before, after] = [blank(random), blank(random)];
    return `${before}${writeBare(part)}${after}`;
  };
  const writeBare = (part: Json): string => {
    if (typeof part === "string") return verbatim(part) ? JSON.stringify(part) : quoted(part, random);
    if (Array.isArray(part)) return `[${part.length === 0 ? blank(random) : part.map(write).join(",")}]`;
    if (typeof part !== "object" || part === null) return JSON.stringify(part);
    const members = Object.entries(part).map(
      ([key, member]) => `${blank(random)}${quoted(key, random)}${blank(random)}:${write(member)}`,
    );
    return `{${members.length === 0 ? blank(random) : members.join(",")}}`;
  };
  return write(value);
}

// --- internal ---

const AWKWARD = [
  ...['"', "\\", "\\\\", '\\"', "/", "\n", "\t", "\u0000", "\u2028", "é", "漢字", "👩‍💻"],
  ...["{", "}", "[", "]", ",", ":", '","text":"', "a", "word ", "some more words, then "],
];

function blank(random: Random): string {
  return random.chance(0.7)
    ? ""
    : random.some(1, 3, () => random.pick([" ", "\n", "\r", "\t", "  "])).join("");
}

function quoted(text: string, random: Random): string {
  const escapes = random.chance(0.3) ? 0.2 : 0;
  const characters = Array.from(text, (character) => {
    if (escapes > 0 && random.chance(escapes)) return unicodeEscapes(character, random);
    if (character === "/" && random.chance(0.5)) return "\\/";
    return JSON.stringify(character).slice(1, -1);
  });
  return `"${characters.join("")}"`;
}

/** One escape for each of the one or two UTF-16 units of a character, in lower or upper case. */
function unicodeEscapes(character: string, random: Random): string {
  return character.replace(/[\s\S]/g, (unit) => {
    const hex = unit.charCodeAt(0).toString(16).padStart(4, "0");
    return `\\u${random.chance(0.5) ? hex : hex.toUpperCase()}`;
  });
}
