import type { Span } from "./scan.ts";

/** Bytes one after another: ASCII strings, and spans of the original body. */
export type Pieces = readonly (string | Span)[];

/**
 * Replaces bytes `[start, end)` of the original body with pieces. Offsets always refer to the original body. `start === end` inserts.
 * Edits must not overlap; several insertions at one place keep their order.
 */
export interface Edit extends Span {
  readonly pieces: Pieces;
}

/**
 * Applies edits, given in any order, in one allocation. Throws a RangeError if edits overlap, or if they or their pieces are out of
 * bounds: a body is never partly edited.
 */
export function splice(body: Buffer, edits: readonly Edit[]): Buffer {
  const sorted = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  // allocUnsafeSlow: every byte is written below, and the result must own its whole ArrayBuffer.
  const result = Buffer.allocUnsafeSlow(lengthAfter(body, sorted));
  let from = 0;
  let to = 0;
  for (const { start, end, pieces } of sorted) {
    // `copy`, not `set` of a subarray: hundreds of views would be left to the garbage collector.
    to += body.copy(result, to, from, start);
    for (const piece of pieces) to += write(piece, body, result, to);
    from = end;
  }
  body.copy(result, to, from);
  return result;
}

// --- internal ---

function write(piece: string | Span, body: Buffer, result: Buffer, to: number): number {
  if (typeof piece === "string") return result.write(piece, to, "latin1");
  return body.copy(result, to, piece.start, piece.end);
}

function lengthAfter(body: Buffer, sorted: readonly Edit[]): number {
  let length = body.length;
  let previousEnd = 0;
  for (const { start, end, pieces } of sorted) {
    checkRange(start, end, previousEnd, body);
    length += lengthOf(pieces, body) - (end - start);
    previousEnd = end;
  }
  return length;
}

function lengthOf(pieces: Pieces, body: Buffer): number {
  let length = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") length += piece.length;
    else {
      checkRange(piece.start, piece.end, 0, body);
      length += piece.end - piece.start;
    }
  }
  return length;
}

function checkRange(start: number, end: number, from: number, body: Buffer): void {
  if (start >= from && end >= start && end <= body.length) return;
  throw new RangeError(`bytes ${start}..${end} are not within ${from}..${body.length}`);
}
