import { describe, expect, test } from "bun:test";
import { proxyError } from "../../src/proxy/errors.ts";

describe("proxyError", () => {
  test("has Anthropic's shape and says whose it is", async () => {
    const answer = proxyError(502, "cannot reach it");
    expect(answer.status).toBe(502);
    expect(answer.headers.get("x-cache-proxy")).toBe("error");
    expect(answer.headers.get("content-type")).toStartWith("application/json");
    expect(await answer.json()).toEqual({
      type: "error",
      error: { type: "api_error", message: "cache-proxy: cannot reach it" },
    });
  });
});
