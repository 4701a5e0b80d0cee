/** Bytes that stand one behind the other; strings are ASCII. They are copied once, into the body that goes out. */
export type Pieces = readonly (string | Uint8Array)[];

/**
 * Puts pieces in place of bytes `[start, end)` of the original body. Offsets always refer to the original; of several edits each
 * starts where the one before it ends, or later. `start === end` inserts; several insertions at one place keep their order.
 */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly pieces: Pieces;
}

/**
 * Applies edits that are sorted by place, in one allocation; returns the input array itself when there are none.
 * Throws a RangeError on edits that overlap, are out of order or out of bounds: a body is never edited by halves.
 */
export function splice(body: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return body;
  // allocUnsafeSlow: every byte is written below, and the array owns its whole ArrayBuffer.
  const result = Buffer.allocUnsafeSlow(lengthAfter(body, edits));
  let from = 0;
  let to = 0;
  for (const { start, end, pieces } of edits) {
    result.set(body.subarray(from, start), to);
    to += start - from;
    for (const piece of pieces) {
      if (typeof piece === "string") result.write(piece, to, "latin1");
      else result.set(piece, to);
      to += piece.length;
    }
    from = end;
  }
  result.set(body.subarray(from), to);
  return result;
}

/** Sorts the edits of several passes by place; edits at one place stay in the order given. */
export function inOrder(edits: readonly Edit[]): Edit[] {
  return edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

// --- internal ---

function lengthAfter(body: Uint8Array, edits: readonly Edit[]): number {
  let length = body.length;
  let previousEnd = 0;
  for (const { start, end, pieces } of edits) {
    if (start < previousEnd || end < start || end > body.length) {
      throw new RangeError(`edit ${start}..${end} after ${previousEnd} in ${body.length} bytes`);
    }
    for (const piece of pieces) length += piece.length;
    length -= end - start;
    previousEnd = end;
  }
  return length;
}
