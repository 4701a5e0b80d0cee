import { expect, test } from "bun:test";
import { type End, type FailureKind, failureOf, failureWords } from "../../src/format/failure.ts";

const complete: End = { outcome: "complete", status: 200, total_ms: 1000 };
const overflow: End = { ...complete, status: 400, error_type: "exceed_context_size_error" };

const cases: [end: End, kind: FailureKind | undefined, words: string][] = [
  [complete, undefined, ""],
  [{ outcome: "unreachable", total_ms: 1 }, "unreachable", "unreachable"],
  [{ ...complete, outcome: "broken" }, "broken", "connection broken"],
  [{ outcome: "client_gone", total_ms: 99_000 }, "left", "client left after 1 min 39 s"],
  [{ ...complete, outcome: "client_gone", status: 500 }, "error", "500"],
  [overflow, "too long", "400 prompt too long"],
  [
    { ...overflow, refused_prompt_tokens: 33_150, context_tokens: 16_384 },
    "too long",
    "400 prompt 33 150 > 16 384 context",
  ],
  [{ ...complete, status: 503 }, "loading", "503 loading"],
  [{ ...complete, status: 500, error_type: "api_error" }, "error", "500 api_error"],
  [{ ...complete, error_type: "overloaded_error" }, "error", "overloaded_error"],
];
test.each(cases)("%p", (end, kind, words) => {
  expect(failureOf(end)).toBe(kind as FailureKind);
  expect(failureWords(end)).toBe(words);
});
