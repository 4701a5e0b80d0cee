import { describe, expect, test } from "bun:test";
import { lateError, overflowError } from "../../src/request/failure.ts";

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** As llama.cpp b10434 wrote it. */
const OVERFLOW = {
  error: {
    code: 400,
    message: "request (20011 tokens) exceeds the available context size (4096 tokens), try increasing it",
    type: "exceed_context_size_error",
    n_prompt_tokens: 20011,
    n_ctx: 4096,
  },
};

describe("overflowError", () => {
  test("says in Anthropic's words by how much the prompt is too long", () => {
    expect(overflowError(bytes(OVERFLOW))).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: "prompt is too long: 20011 tokens > 4096 maximum" },
    });
  });

  const OTHERS: [string, unknown][] = [
    ["another type", { error: { ...OVERFLOW.error, type: "invalid_request_error" } }],
    ["no count of tokens", { error: { type: "exceed_context_size_error", n_ctx: 4096 } }],
    ["no maximum", { error: { type: "exceed_context_size_error", n_prompt_tokens: 5 } }],
    [
      "counts that are no numbers",
      { error: { type: "exceed_context_size_error", n_prompt_tokens: "5", n_ctx: null } },
    ],
    ["an error that is a string", { error: "exceed_context_size_error" }],
    ["null", null],
    ["an array", [OVERFLOW]],
    ["truncated JSON", JSON.stringify(OVERFLOW).slice(0, -1)],
    ["nothing", ""],
    ["bytes that are no text", "\xff\xfe"],
  ];
  test.each(OTHERS)("leaves alone: %s", (_name, value) => {
    expect(overflowError(bytes(value))).toBeUndefined();
  });
});

describe("lateError", () => {
  test.each([429, 503, 529])("%d is overloaded, whatever the body says", (status) => {
    expect(
      lateError(status, bytes({ type: "error", error: { type: "rate_limit_error", message: "slow down" } })),
    ).toEqual({
      type: "error",
      error: { type: "overloaded_error", message: "slow down" },
    });
  });

  test("an overflow becomes the error that makes Claude Code compact", () => {
    expect(lateError(400, bytes(OVERFLOW)).error.message).toBe(
      "prompt is too long: 20011 tokens > 4096 maximum",
    );
  });

  test("an error in Anthropic's shape stays unchanged, with all its members", () => {
    const error = {
      type: "error",
      error: { type: "not_found_error", message: "no such model" },
      request_id: "r",
    };
    expect(lateError(404, bytes(error))).toEqual(error as never);
  });

  const SHAPES: [status: number, body: unknown, type: string, message: string][] = [
    [
      500,
      { error: { code: 500, message: "System message must be at the beginning.", type: "server_error" } },
      "api_error",
      "System message must be at the beginning.",
    ],
    [400, { error: { message: "bad", type: "x" } }, "invalid_request_error", "bad"],
    [401, { error: "no key" }, "authentication_error", "no key"],
    [403, { message: "not you" }, "permission_error", "not you"],
    [404, "no such page", "not_found_error", "no such page"],
    [413, "", "request_too_large", "the upstream answered with status 413"],
    [302, "", "api_error", "the upstream answered with status 302"],
    [500, { error: {} }, "api_error", '{"error":{}}'],
  ];
  test.each(SHAPES)("%d with %j is %s", (status, body, type, message) => {
    expect(lateError(status, bytes(body))).toEqual({ type: "error", error: { type, message } });
  });
});
