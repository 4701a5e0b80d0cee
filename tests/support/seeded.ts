import { test } from "bun:test";

/** Random choices that a seed repeats. */
export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
  /** `make` called as often as a number from `least` to `most` says. */
  some<T>(least: number, most: number, make: (index: number) => T): T[];
}

/** A small seeded generator (mulberry32): the same seed makes the same choices. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (choices) => choices[below(choices.length)]!,
    some: (least, most, make) =>
      Array.from({ length: least + below(most - least + 1) }, (_, index) => make(index)),
  };
}

/**
 * A test of what holds for every random choice, tried `rounds` times. A failure names the seed: with it in the
 * environment as CACHE_PROXY_SEED the first round fails alike.
 */
export function property(name: string, rounds: number, check: (random: Random) => void): void {
  test(name, () => {
    const first = Number(process.env.CACHE_PROXY_SEED ?? Math.floor(Math.random() * 2 ** 31));
    for (let seed = first; seed < first + rounds; seed++) {
      try {
        check(seeded(seed));
      } catch (error) {
        throw new Error(`CACHE_PROXY_SEED=${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
}
