/**
 * Makes text from a client, an upstream or an error safe to print: the result is one line of at most `length` UTF-16 units and holds no
 * character that moves the cursor, starts an escape sequence, breaks the line or reverses the text. Such characters become `\uXXXX`.
 */
export function foreign(text: string, length = 100): string {
  const escaped = escapeUnsafe(text.slice(0, length + 1));
  if (escaped.length <= length) return escaped;
  return `${cut(escaped, length - 1)}…`;
}

/** `TypeError: x is not a function` or `Error ECONNRESET: …`, safe to print. A SyntaxError's message is left out: it quotes its input. */
export function foreignError(error: unknown): string {
  if (!(error instanceof Error)) return foreign(`thrown ${typeof error}`);
  const { name, message, code } = error as Error & { readonly code?: unknown };
  const title = typeof code === "string" && code !== name ? `${name} ${code}` : name;
  return foreign(message && name !== "SyntaxError" ? `${title}: ${message}` : title, 160);
}

// --- internal ---

/**
 * Control characters (C0, DEL, C1), the line and paragraph separators, unpaired surrogates, and the characters that change the direction
 * of text, https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Never cuts a surrogate pair or an escape in two. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/\\(?:u[0-9a-f]{0,3})?$|[\ud800-\udbff]$/, "");
}
