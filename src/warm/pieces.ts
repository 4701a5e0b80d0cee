import { splice } from "../rewrite/splice.ts";
import { oneTokenEdits, type Turn, type WarmableBody } from "./body.ts";
import { nextTurn, PLACEHOLDER } from "./next-turn.ts";
import type { LoopRendering } from "./template.ts";

/** A prompt of about 1,000 tokens: one token of code or prose is about four bytes of JSON. */
export const PIECE_BYTES = 4_000;

export interface Cutting {
  /** The assistant's answer as the JSON of a message, if it ended the turn. */
  readonly turn: string | undefined;
  /**
   * Where the server may have to evaluate the prompt again: nowhere before the last message (`tail`), in the last tool loop (`loop`), or
   * everywhere (`all`).
   */
  readonly from: "tail" | "loop" | "all";
  /** How the server renders a tool loop that is over. */
  readonly rendering: LoopRendering | undefined;
  readonly pieceBytes?: number;
}

/**
 * The places to cut a warm-up: numbers of leading messages, ascending, each ending with a user turn and each about `pieceBytes` after the
 * one before. llama-server notices an aborted request only between batches, so a real request waits for one piece at most.
 *
 * A piece must never be shorter than what the server has cached of the prompt: llama-server would drop the rest from its slot.
 */
export function cutsOf({ turns }: WarmableBody, { from, pieceBytes = PIECE_BYTES }: Cutting): number[] {
  if (from === "tail") return [];
  const first = from === "loop" ? loopStart(turns) : 0;
  const cuts: number[] = [];
  let cutAt = from === "loop" ? turns[first]!.end : turns[0]!.start;
  for (let index = first; index < turns.length - 1; index++) {
    const { isUser, end } = turns[index]!;
    if (!isUser || end - cutAt < pieceBytes) continue;
    cuts.push(index + 1);
    cutAt = end;
  }
  return cuts;
}

/** The warm-up in full: what the pieces lead up to. */
export function wholeOf(body: WarmableBody, { turn }: Cutting): Buffer {
  return nextTurn(body, turn);
}

/**
 * The piece with this many leading messages. A template that drops the thinking of earlier tool loops renders a loop as it will be rendered
 * later only if other turns follow it, so a piece that ends inside such a loop gets placeholders.
 */
export function pieceOf(body: WarmableBody, cut: number, cutting: Cutting): Buffer {
  const { bytes, turns } = body;
  const { end } = turns[cut - 1]!;
  const pieces = placeholders(turns, cut, cutting).flatMap((turn) => [",", turn]);
  return splice(bytes, [{ start: end, end: turns.at(-1)!.end, pieces }, ...oneTokenEdits(body)]);
}

/** The index of the turn that starts the last tool loop: the last user turn that is more than tool results. 0 if there is none. */
export function loopStart(turns: readonly Turn[]): number {
  return Math.max(
    0,
    turns.findLastIndex(({ isUser, isResult }) => isUser && !isResult),
  );
}

/** Whether the assistant thinks in the last tool loop. */
export function thinksInLoop({ turns }: WarmableBody): boolean {
  return turns.slice(loopStart(turns)).some(({ hasThinking }) => hasThinking);
}

// --- internal ---

const ANSWER = '{"role":"assistant","content":[{"type":"text","text":"."}]}';

/** What makes the template take the loop in which a piece ends for one that is over. */
function placeholders(turns: readonly Turn[], cut: number, { turn, rendering }: Cutting): string[] {
  const isOver = turn !== undefined || cut <= loopStart(turns);
  if (!isOver || !turns[cut - 1]!.hasResult) return [];
  if (rendering === "answer") return [ANSWER, PLACEHOLDER];
  return rendering === "user" ? [PLACEHOLDER] : [];
}
