import { describe, expect, test } from "bun:test";
import { clockTime, duration, grouped, percent, roughly } from "../../src/format/numbers.ts";

describe("a short duration has a decimal", () => {
  const cases: [seconds: number, want: string][] = [
    [0, "0 s"],
    [0.44, "0.4 s"],
    [6, "6 s"],
    [9.94, "9.9 s"],
    [9.96, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 min 0 s"],
    [200, "3 min 20 s"],
    [3599.7, "1 h 0 min"],
    [7500, "2 h 5 min"],
  ];
  test.each(cases)("%p seconds", (seconds, want) => expect(duration(seconds)).toBe(want));
});

test("digits are grouped in threes", () => {
  expect([0, 999, 1000, 12_300, 1_234_567, 99.6].map(grouped)).toEqual([
    "0",
    "999",
    "1 000",
    "12 300",
    "1 234 567",
    "100",
  ]);
});

test("an estimate has three significant digits", () => {
  expect([5, 123, 1234, 18_042, 199_999].map(roughly)).toEqual([5, 123, 1230, 18_000, 200_000]);
});

test("a share is rounded down: 99.99 % is not 100 %", () => {
  expect([0, 0.4999, 0.99999, 1].map(percent)).toEqual(["0.0 %", "49.9 %", "99.9 %", "100.0 %"]);
});

test("the time of day is in the machine's time zone, two digits each", () => {
  for (const time of ["2026-01-02T03:04:05.678Z", "2026-07-31T23:59:59.999Z", "2026-10-25T00:30:00.000Z"]) {
    expect(clockTime(time)).toBe(new Date(time).toTimeString().slice(0, 8));
  }
});
