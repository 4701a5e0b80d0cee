import { describe, expect, test } from "bun:test";
import { endpointOf, prefixOf } from "../../src/request/endpoints.ts";

describe("the endpoint of a path", () => {
  test.each<[path: string, endpoint: string, shape: string, prefix: string]>([
    ["/v1/messages", "/v1/messages", "anthropic", ""],
    ["/api/v1/messages", "/v1/messages", "anthropic", "/api"],
    ["/upstream/qwen/v1/messages", "/v1/messages", "anthropic", "/upstream/qwen"],
    ["/v1/messages/count_tokens", "/v1/messages/count_tokens", "anthropic", ""],
    ["/v1/chat/completions", "/v1/chat/completions", "openai", ""],
    ["/chat/completions", "/chat/completions", "openai", ""],
    ["/api/chat", "/api/chat", "openai", ""],
    ["/v1/responses", "/v1/responses", "responses", ""],
    ["/responses", "/responses", "responses", ""],
    ["/v1/completions", "/v1/completions", "completion", ""],
    ["/completion", "/completion", "completion", ""],
    ["/infill", "/infill", "completion", ""],
  ])("%s", (path, wanted, shape, prefix) => {
    const endpoint = endpointOf("POST", path);
    expect(endpoint).toMatchObject({ path: wanted, shape });
    expect(prefixOf(path, endpoint!)).toBe(prefix);
  });

  test.each([
    ["GET", "/v1/messages"],
    ["PUT", "/v1/messages"],
    ["POST", "/v1/messages/batches"],
    ["POST", "/tokenize"],
    ["POST", "/v1/embeddings"],
    ["HEAD", "/"],
  ])("%s %s has none", (method, path) => {
    expect(endpointOf(method, path)).toBeUndefined();
  });

  test("whatever is inference can ping, and counting tokens is not inference", () => {
    for (const path of ["/v1/messages", "/api/v1/messages", "/api/chat", "/infill"]) {
      const endpoint = endpointOf("POST", path);
      expect(endpoint?.isInference).toBe(true);
      expect(endpoint?.dialect).toBeDefined();
    }
    expect(endpointOf("POST", "/v1/messages/count_tokens")).toMatchObject({
      isInference: false,
      dialect: undefined,
    });
  });
});
