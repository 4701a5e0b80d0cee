import { hasBytesAt } from "./json-bytes.ts";

/** No client sends longer numbers; a body that has one is forwarded unchanged. */
const MAX_BYTES = 64;

const LITERALS = ["true", "false", "null"].map((literal) => Buffer.from(literal));

/**
 * Where the number, `true`, `false` or `null` at byte `at` ends (RFC 8259, sections 3 and 6); `undefined` if there is none, if it has
 * more than 64 bytes, or if something other than white space, a comma, a closing bracket, or the end of the body follows it.
 */
export function atomEnd(bytes: Buffer, at: number): number | undefined {
  const end = literalEnd(bytes, at) ?? numberEnd(bytes, at);
  return end !== undefined && end - at <= MAX_BYTES && isDelimiter(bytes[end]) ? end : undefined;
}

// --- internal ---

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_CASE_E = 0x65;
const UPPER_CASE_E = 0x45;

function literalEnd(bytes: Buffer, at: number): number | undefined {
  for (const literal of LITERALS) if (hasBytesAt(bytes, at, literal)) return at + literal.length;
  return undefined;
}

function numberEnd(bytes: Buffer, start: number): number | undefined {
  const integer = bytes[start] === MINUS ? start + 1 : start;
  let end: number | undefined = bytes[integer] === ZERO ? integer + 1 : digitsEnd(bytes, integer);
  if (end !== undefined && bytes[end] === POINT) end = digitsEnd(bytes, end + 1);
  if (end === undefined || (bytes[end] !== LOWER_CASE_E && bytes[end] !== UPPER_CASE_E)) return end;
  const isSigned = bytes[end + 1] === MINUS || bytes[end + 1] === PLUS;
  return digitsEnd(bytes, isSigned ? end + 2 : end + 1);
}

/** `undefined` if there is no digit at `start`. */
function digitsEnd(bytes: Buffer, start: number): number | undefined {
  let at = start;
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  return at > start ? at : undefined;
}

function isDelimiter(byte: number | undefined): boolean {
  switch (byte) {
    case undefined:
    case 0x20: // blank
    case 0x09: // tab
    case 0x0a: // line feed
    case 0x0d: // carriage return
    case 0x2c: // ,
    case 0x5d: // ]
    case 0x7d: // }
      return true;
    default:
      return false;
  }
}
