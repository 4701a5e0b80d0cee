import type { Span } from "./scan.ts";

/** What stands one behind the other: strings of ASCII, and bytes of the original body by their place. */
export type Pieces = readonly (string | Span)[];

/**
 * Puts pieces in place of bytes `[start, end)` of the original body. Offsets always refer to the original; of several edits each
 * starts where the one before it ends, or later. `start === end` inserts; several insertions at one place keep their order.
 */
export interface Edit extends Span {
  readonly pieces: Pieces;
}

/**
 * Applies edits that are sorted by place, in one allocation. Throws a RangeError on edits that overlap, are out of order or, they or
 * their pieces, out of bounds: a body is never edited by halves.
 */
export function splice(body: Buffer, edits: readonly Edit[]): Buffer {
  // allocUnsafeSlow: every byte is written below, and the array owns its whole ArrayBuffer.
  const result = Buffer.allocUnsafeSlow(lengthAfter(body, edits));
  let from = 0;
  let to = 0;
  for (const { start, end, pieces } of edits) {
    // `copy`, not `set` of a subarray: hundreds of views would be left to the garbage collector.
    to += body.copy(result, to, from, start);
    for (const piece of pieces) {
      to +=
        typeof piece === "string"
          ? result.write(piece, to, "latin1")
          : body.copy(result, to, piece.start, piece.end);
    }
    from = end;
  }
  body.copy(result, to, from);
  return result;
}

/** Sorts the edits of several passes by place; edits at one place stay in the order given. */
export function inOrder(edits: readonly Edit[]): Edit[] {
  return edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

// --- internal ---

function lengthAfter(body: Buffer, edits: readonly Edit[]): number {
  let length = body.length;
  let previousEnd = 0;
  for (const { start, end, pieces } of edits) {
    checkRange(start, end, previousEnd, body);
    length -= end - start;
    for (const piece of pieces) {
      if (typeof piece === "string") length += piece.length;
      else {
        checkRange(piece.start, piece.end, 0, body);
        length += piece.end - piece.start;
      }
    }
    previousEnd = end;
  }
  return length;
}

function checkRange(start: number, end: number, from: number, body: Buffer): void {
  if (start >= from && end >= start && end <= body.length) return;
  throw new RangeError(`bytes ${start}..${end} of ${from}..${body.length}`);
}
