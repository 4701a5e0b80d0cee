import type { HeldSlot } from "../upstream/slots.ts";

/** `turn`: an answer has ended the turn; `restart`: the server lost its cache; `start`: the first request of a day is to come. */
export type Reason = "turn" | "restart" | "start";

/** A main conversation, as far as the plan needs to know it. */
export interface Candidate {
  readonly session: string;
  /** Why its state has to be warmed; `undefined` if it has been, or if the conversation is not waiting for its user. */
  readonly due: "turn" | "restart" | undefined;
  /** Whether no other conversation has used the server after it, or after its warm-up has begun. */
  readonly isLatest: boolean;
  /** Tokens that its slot held at the end of its last answer. */
  readonly tokens: number | undefined;
  /** Whether it has used the server, by a request or a warm-up, since the server lost its cache. */
  readonly isBack: boolean;
  /** See `promptStarts`. Read for restarts only: it takes a scan. */
  readonly starts: () => readonly string[];
}

export interface Situation {
  /** Most recent first. */
  readonly candidates: readonly Candidate[];
  /** Whether a remembered head has not been warmed since the server came up. */
  readonly hasHead: boolean;
  /** What each slot holds; `undefined` if the server does not say. */
  readonly slots: readonly HeldSlot[] | undefined;
  /** Whether the server is known to have come up after everything that was forwarded to it. */
  readonly isNew: boolean;
}

export type Step =
  | { readonly reason: "turn" | "restart"; readonly session: string }
  | { readonly reason: "start" };

/**
 * What to warm next; `undefined` for nothing. No step takes a slot from a conversation that may come back:
 *
 * - A turn is warmed in the slot that holds the conversation: it is the latest one, or a slot still holds as many tokens as it left there.
 * - After a restart the most recent conversation goes first. Another one follows if there is an empty slot and no conversation in the
 *   other slots starts with the same prompt: llama-server picks a slot by its common prefix, however short the rest is.
 * - A head is warmed only while the server holds nothing and no conversation is remembered.
 */
export function plan({ candidates, hasHead, slots, isNew }: Situation): Step | undefined {
  const isEmpty = slots ? slots.every(({ tokens }) => tokens === 0) : isNew;
  const back = candidates.filter(({ isBack }) => isBack);
  const found = candidates.find((candidate) => {
    if (candidate.due === undefined || candidate.isLatest) return candidate.due !== undefined;
    if (candidate.due === "turn") return isHeld(candidate, slots);
    return back.length === 0 ? isEmpty : hasSlotFor(candidate, back, slots);
  });
  if (found?.due) return { reason: found.due, session: found.session };
  return hasHead && isEmpty && candidates.length === 0 ? { reason: "start" } : undefined;
}

// --- internal ---

/** The token that was generated last may be in the slot or not. */
const TOLERANCE = 2;

function isHeld({ tokens }: Candidate, slots: Situation["slots"]): boolean {
  if (tokens === undefined || !slots) return false;
  return slots.some((slot) => !slot.isBusy && Math.abs(slot.tokens - tokens) <= TOLERANCE);
}

function hasSlotFor({ starts }: Candidate, back: readonly Candidate[], slots: Situation["slots"]): boolean {
  if (!slots?.some(({ isBusy, tokens }) => !isBusy && tokens === 0)) return false;
  const own = starts();
  return !back.some((other) => other.starts().some((start) => own.includes(start)));
}
