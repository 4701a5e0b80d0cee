/** One part of a prompt, in the order in which the request has it: lengths and hashes only, no text. */
export interface Section {
  /** How much of the prompt it is, in bytes of text. */
  readonly bytes: number;
  /** What the request has of it, in bytes, where it holds images: a prompt has few tokens of them, however large they are. */
  readonly sent?: number;
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

/**
 * About the 256 tokens of Gemma 3; other models make up to some thousands of an image. Rather too few: these count as new, and new tokens are
 * not wasted ones.
 */
const IMAGE_BYTES = 1024;

/** An image, which the server has in its cache as a whole or not at all. */
export function imageOf(bytes: Uint8Array): Section {
  const hash = Bun.hash.xxHash32(bytes);
  return { bytes: IMAGE_BYTES, sent: bytes.length, hash, grains: [], grain: COARSE };
}

/** Several sections, one after another. Only the first one shows where in it two versions part. */
export function joined(sections: readonly Section[], grain: number): Section {
  const hashes = new Uint32Array(sections.map(({ hash }) => hash));
  const sum = (lengths: readonly number[]) => lengths.reduce((total, bytes) => total + bytes, 0);
  const sent = sum(sections.map(({ sent, bytes }) => sent ?? bytes));
  return {
    bytes: sum(sections.map(({ bytes }) => bytes)),
    ...(sections.some((one) => one.sent !== undefined) && { sent }),
    hash: Bun.hash.xxHash32(hashes),
    grains: sections[0]?.grains ?? [],
    grain,
  };
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
