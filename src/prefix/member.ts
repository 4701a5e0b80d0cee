import type { Span } from "../rewrite/scan.ts";

/** The bytes of an object without one of its members, its key and one comma; a view of `bytes` if it does not have the member. */
export function withoutMember(bytes: Buffer, object: Span, member: Span | undefined): Uint8Array {
  if (!member) return bytes.subarray(object.start, object.end);
  const key = bytes.lastIndexOf('"', bytes.lastIndexOf('"', member.start - 1) - 1);
  const before = skipBack(bytes, key - 1);
  const isFirst = bytes[before] !== COMMA;
  const start = isFirst ? key : before;
  const after = skip(bytes, member.end);
  const end = isFirst && bytes[after] === COMMA ? after + 1 : member.end;
  return Buffer.concat([bytes.subarray(object.start, start), bytes.subarray(end, object.end)]);
}

// --- internal ---

const COMMA = 0x2c;
const SPACE = 0x20;

function skipBack(bytes: Buffer, at: number): number {
  let position = at;
  while (bytes[position]! <= SPACE) position--;
  return position;
}

function skip(bytes: Buffer, at: number): number {
  let position = at;
  while (bytes[position]! <= SPACE) position++;
  return position;
}
