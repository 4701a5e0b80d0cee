/** A small seeded generator (mulberry32): the same seed gives the same test. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The ways in which a network may cut a body: whole, byte by byte, and at random places. */
export function cuts(bytes: Uint8Array, random: () => number): Uint8Array[][] {
  const each = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  return [[bytes], each, atRandom(bytes, random), atRandom(bytes, random)];
}

function atRandom(bytes: Uint8Array, random: () => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Math.floor(random() ** 3 * 40);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
