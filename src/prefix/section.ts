/** One part of a prompt, in the order in which the request has it: lengths and hashes only, no text. */
export interface Section {
  readonly bytes: number;
  readonly hash: number;
  /** Hashes of the beginnings that end at each `grain` bytes: where two versions part. */
  readonly grains: readonly number[];
  readonly grain: number;
}

/** Bytes per grain: fine in the system prompt, where one changed date costs the whole prompt, and coarse in the history. */
export const FINE = 64;
export const COARSE = 2048;

/** The section that these bytes are. Reads each byte once: the hash of a beginning is the seed of the next grain's. */
export function sectionOf(bytes: Uint8Array, grain: number): Section {
  const grains: number[] = [];
  let [at, hash] = [0, 0];
  for (; at + grain < bytes.length; at += grain) {
    hash = Bun.hash.xxHash32(bytes.subarray(at, at + grain), hash);
    grains.push(hash);
  }
  const rest = at === 0 ? bytes : bytes.subarray(at);
  return { bytes: bytes.length, hash: Bun.hash.xxHash32(rest, hash), grains, grain };
}

/** Whether both have the same bytes. */
export function isSame(one: Section, other: Section): boolean {
  return one.hash === other.hash && one.bytes === other.bytes;
}

/** How many bytes both have in common at their start, rounded down to whole grains where they differ. */
export function sharedBytes(one: Section, other: Section): number {
  if (isSame(one, other)) return one.bytes;
  const end = one.grains.findIndex((hash, index) => hash !== other.grains[index]);
  return (end < 0 ? one.grains.length : end) * one.grain;
}
