import { describe, expect, test } from "bun:test";
import { settles } from "../../src/upstream/settles.ts";

const LONG = 60_000;

describe("settles", () => {
  test("is true for what is fulfilled or rejected, false for what is neither in time", async () => {
    expect(await settles(Promise.resolve(), LONG)).toBe(true);
    expect(await settles(Promise.reject(new Error("seen")), LONG)).toBe(true);
    expect(await settles(new Promise(() => {}), 1)).toBe(false);
    expect(await settles(new Promise(() => {}), -5)).toBe(false);
  });
});
