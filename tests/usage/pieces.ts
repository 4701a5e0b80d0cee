import type { Random } from "../support/seeded.ts";

/** The ways a network may cut a body: whole, byte by byte, and at random places. */
export function cuts(bytes: Uint8Array, random: Random): Uint8Array[][] {
  const each = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  return [[bytes], each, atRandom(bytes, random), atRandom(bytes, random)];
}

/** The data of server-sent events: objects as JSON, strings unchanged. */
export function events(...data: (object | string)[]): string {
  return data.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");
}

function atRandom(bytes: Uint8Array, random: Random): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Math.floor(random.next() ** 3 * 40);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
