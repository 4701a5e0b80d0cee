import { expect, test } from "bun:test";
import { shareTrend } from "../../src/page/trend.ts";
import { BARE, FULL } from "../report/records.ts";

test("the line of the share is weighted by tokens: a side request hardly moves it", () => {
  const main = { ...FULL, prompt_tokens: 10_000, cached_tokens: 10_000, evaluated_tokens: 0 };
  const side = { ...FULL, prompt_tokens: 100, cached_tokens: 0, evaluated_tokens: 100 };
  const { points, line } = shareTrend([main, side, main]);
  expect(points.map(({ y }) => y)).toEqual([1, 0, 1]);
  expect(line[1]!.y).toBeCloseTo(10_000 / 10_100);
});

test("requests without a value leave a gap", () => {
  const { points } = shareTrend([FULL, BARE, FULL, BARE, FULL]);
  expect(points.map(({ x }) => x)).toEqual([0, 0.5, 1]);
  expect(shareTrend([BARE, BARE])).toEqual({ points: [], line: [] });
});
