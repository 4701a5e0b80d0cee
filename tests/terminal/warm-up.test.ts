import { expect, test } from "bun:test";
import { formatWarmUp } from "../../src/terminal/warm-up.ts";
import type { WarmUp, WarmUpResult } from "../../src/warm/listener.ts";

const RESULT: WarmUpResult = { outcome: "complete", pieces: 4, evaluated_tokens: 2_973, ms: 9_800 };
const TURN: WarmUp = { reason: "turn", session: "01234567-89ab" };

test.each<[WarmUp, WarmUpResult, string]>([
  [TURN, RESULT, "after a turn of session 01234567: 2 973 tokens evaluated in 4 pieces, 9.8 s"],
  [
    { reason: "restart", session: "s1" },
    { ...RESULT, pieces: 1 },
    "after a restart of the server of session s1: 2 973 tokens evaluated, 9.8 s",
  ],
  [
    { reason: "start" },
    { ...RESULT, pieces: 1, evaluated_tokens: undefined },
    "start of a new session: 9.8 s",
  ],
  [
    TURN,
    { ...RESULT, outcome: "aborted", pieces: 2 },
    "after a turn of session 01234567: aborted for a request; 2 973 tokens evaluated in 2 pieces, 9.8 s",
  ],
  [
    TURN,
    { outcome: "failed", pieces: 0, evaluated_tokens: 0, ms: 0 },
    "after a turn of session 01234567: failed; none follows before a request succeeds; 0 tokens evaluated, 0 s",
  ],
])("%j, %j", (warmUp, result, line) => {
  expect(formatWarmUp(warmUp, result)).toBe(line);
});
