import { expect, test } from "bun:test";
import { endpointOf } from "../../src/request/endpoints.ts";
import { describe as describeRequest, readHead } from "../../src/request/request.ts";

test("a request is described by its head and what its body says", () => {
  const headers = new Headers({
    "user-agent": "claude-cli/2.1.330 (external, cli)",
    "x-claude-code-session-id": "s1",
    authorization: "Bearer secret-key",
  });
  const head = readHead("POST", "/v1/messages", headers, 5);
  expect(describeRequest(head, { model: "/models/m.gguf", stream: true, tools: 14 }, 80_000)).toEqual({
    method: "POST",
    path: "/v1/messages",
    endpoint: endpointOf("POST", "/v1/messages"),
    model: "m.gguf",
    session: "s1",
    agent: "main",
    conversation: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    stream: true,
    bytes: 80_000,
    arrivedAt: 5,
  });
});

test("what is not known is left out", () => {
  const head = readHead("GET", "/v1/models", new Headers(), 5);
  expect(Object.keys(describeRequest(head, {}, undefined))).toEqual([
    "method",
    "path",
    "endpoint",
    "arrivedAt",
  ]);
});
