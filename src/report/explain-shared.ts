import { type Comparison, isExtension } from "../prefix/compare.ts";
import type { Mark } from "../session/outlines.ts";

/** An earlier request, and how the later one differs from it. */
export interface Earlier {
  readonly comparison: Comparison;
  /** Tokens of its prompt. */
  readonly tokens: number;
  /** The server counted them; else they are an estimate. */
  readonly isCounted: boolean;
  /** Bytes of its outline. */
  readonly bytes: number;
  /** Of its conversation, in order; its own is the last one. */
  readonly marks: readonly Mark[];
}

/** How many tokens two prompts share at their start. */
export interface SharedTokens {
  readonly low: number;
  readonly high: number;
  /** The server has counted them itself. */
  readonly exact: boolean;
}

/** Exact where the earlier request is a beginning of the later one, else estimated by length from the prompts that the server has counted. */
export function sharedTokens(earlier: Earlier): SharedTokens {
  const { comparison, tokens, bytes } = earlier;
  if (isExtension(comparison)) return { low: tokens, high: tokens, exact: earlier.isCounted };
  if (comparison.tools || comparison.system) {
    const perByte = tokens / Math.max(1, bytes);
    const orders = Object.values(comparison.shared).map((shared) => shared * perByte);
    return { low: Math.min(...orders) * 0.7, high: Math.max(...orders) * 1.4, exact: false };
  }
  const { estimate, slack } = interpolated(earlier);
  return { low: Math.max(0, estimate - slack), high: estimate + slack, exact: false };
}

/** The counted length of the first prompt that has so many messages; `undefined` if there is none. */
export function markAt(marks: readonly Mark[], messages: number): Mark | undefined {
  return marks.find((mark) => mark.messages >= messages);
}

// --- internal ---

const START: Mark = { messages: 0, bytes: 0, tokens: 0 };

/** Between the last counted prompt before the difference and the first one after it. */
function interpolated({ comparison, tokens, bytes, marks }: Earlier): { estimate: number; slack: number } {
  const { equal } = comparison.messages;
  const shared = comparison.shared.toolsFirst;
  const before = marks.findLast((mark) => mark.messages <= equal) ?? START;
  const after = marks.find((mark) => mark.messages > equal) ?? { messages: 0, bytes, tokens };
  const span = after.bytes - before.bytes;
  const part = span > 0 ? Math.min(1, Math.max(0, (shared - before.bytes) / span)) : 0;
  const between = after.tokens - before.tokens;
  return { estimate: before.tokens + part * between, slack: 32 + 0.15 * between };
}
