import type { Message } from "./outline.ts";
import { isSame, sharedBytes } from "./section.ts";

/**
 * How the histories of two requests differ.
 * - `same`, `extended`: all messages of the earlier request are there; the later one may have more
 * - `edited`: a message in the middle differs, and known ones follow it
 * - `dropped`: messages in the middle are gone, and the known ones after them follow
 * - `rewound`: the later request goes on from an earlier message
 * - `compacted`: the history is gone, and a shorter one replaces it
 * - `replaced`: another history
 */
export type MessagesKind = "same" | "extended" | "edited" | "dropped" | "rewound" | "compacted" | "replaced";

export interface MessagesChange {
  readonly kind: MessagesKind;
  /** The number of equal messages at the start, which is the index of the first message that differs. */
  readonly equal: number;
  /** How many messages of the earlier request are gone. */
  readonly gone: number;
}

export interface MessagesComparison {
  readonly change: MessagesChange;
  /** Bytes that both share at their start, those of the first different message included. */
  readonly shared: number;
  /** Bytes of the later one that the earlier one has nowhere. */
  readonly newBytes: number;
}

export function compareMessages(before: readonly Message[], after: readonly Message[]): MessagesComparison {
  const known = new Set(before.map(({ hash }) => hash));
  const equal = equalAtStart(before, after);
  const shared = bytesIn(after.slice(0, equal)) + sharedInside(before[equal], after[equal]);
  return {
    change: { kind: kindOf(before, after, equal, known), equal, gone: goneFrom(before, after) },
    shared,
    newBytes: newIn(before, after, equal),
  };
}

// --- internal ---

function isSameMessage(one: Message, other: Message): boolean {
  return one.hash === other.hash && one.bytes === other.bytes && one.role === other.role;
}

function equalAtStart(before: readonly Message[], after: readonly Message[]): number {
  const end = after.findIndex((message, index) => !before[index] || !isSameMessage(before[index], message));
  return end < 0 ? after.length : end;
}

function sharedInside(before: Message | undefined, after: Message | undefined): number {
  if (!before || !after || before.role !== after.role) return 0;
  let shared = 0;
  for (const [index, block] of after.blocks.entries()) {
    const old = before.blocks[index];
    if (!old) break;
    shared += sharedBytes(old, block);
    if (!isSame(old, block)) break;
  }
  return shared;
}

function kindOf(
  before: readonly Message[],
  after: readonly Message[],
  equal: number,
  known: ReadonlySet<number>,
): MessagesKind {
  if (equal === before.length) return equal === after.length ? "same" : "extended";
  if (equal === after.length) return "rewound";
  const rest = after.slice(equal);
  const isShorter = after.length < before.length;
  const firstKnown = rest.findIndex((message) => known.has(message.hash));
  if (firstKnown === 0) return "dropped";
  if (firstKnown > 0) return isShorter ? "compacted" : "edited";
  if (equal === 0) return isShorter && before.length >= 3 ? "compacted" : "replaced";
  return isShorter || rest.length === 1 ? "rewound" : "edited";
}

function goneFrom(before: readonly Message[], after: readonly Message[]): number {
  const kept = new Set(after.map(({ hash }) => hash));
  return before.filter((message) => !kept.has(message.hash)).length;
}

/** Blocks that the earlier request has anywhere are known: a block may have moved to another message. */
function newIn(before: readonly Message[], after: readonly Message[], equal: number): number {
  const known = new Set(before.slice(equal).flatMap(({ blocks }) => blocks.map(({ hash }) => hash)));
  return after.slice(equal).reduce((sum, { blocks }, index) => {
    const old = before[equal + index]?.blocks ?? [];
    const fresh = blocks.map((block, at) => {
      if (known.has(block.hash)) return 0;
      return block.bytes - (old[at] ? sharedBytes(old[at], block) : 0);
    });
    return sum + fresh.reduce((total, bytes) => total + bytes, 0);
  }, 0);
}

function bytesIn(messages: readonly Message[]): number {
  return messages.reduce((sum, { bytes }) => sum + bytes, 0);
}
