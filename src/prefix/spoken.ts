import type { Message, Outline } from "./outline.ts";

/**
 * The number of messages up to the user's words before the newest ones, if a tool loop followed them and the later request brings new words;
 * else `undefined`. Many templates render thinking only after the user's last words, so new words change how that loop is rendered.
 */
export function loopStart(before: Outline, after: Outline): number | undefined {
  const hasNewWords = after.messages.slice(before.messages.length).some(isSpoken);
  const spoken = before.messages.findLastIndex(isSpoken);
  const hasLoop = before.messages.slice(spoken + 1).some(({ role }) => role === "assistant");
  return hasNewWords && spoken >= 0 && hasLoop ? spoken + 1 : undefined;
}

export function hasImages({ messages }: Outline): boolean {
  return messages.some(({ blocks }) => blocks.some(({ sent }) => sent !== undefined));
}

// --- internal ---

/** A turn that only holds the results of tools does not count: llama-server makes tool messages of them. */
function isSpoken({ role, blocks }: Message): boolean {
  return role === "user" && blocks.some(({ kind }) => kind !== "tool_result");
}
