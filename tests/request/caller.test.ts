import { describe, expect, test } from "bun:test";
import { type Caller, readCaller, readModel } from "../../src/request/caller.ts";

const SESSION = "0b5a0d3c-1111-4222-8333-444455556666";

describe("who sent a request", () => {
  const cases: { name: string; headers: Record<string, string>; tools?: number; want: Caller }[] = [
    {
      name: "Claude Code's main conversation",
      headers: {
        "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
        "x-claude-code-session-id": SESSION,
      },
      tools: 14,
      want: { session: SESSION, agent: "main" },
    },
    {
      name: "a subagent",
      headers: {
        "user-agent": "claude-cli/2.1.330 (external, cli)",
        "x-claude-code-session-id": SESSION,
        "x-claude-code-agent-id": "a7f3",
      },
      tools: 9,
      want: { session: SESSION, agent: "subagent", agent_id: "a7f3" },
    },
    {
      name: "a request without tools is beside the conversation",
      headers: { "user-agent": "claude-cli/2.1.330 (external, cli)" },
      want: { agent: "side" },
    },
    {
      name: "a version that does not name its subagents: main and subagent look alike",
      headers: { "user-agent": "claude-cli/2.1.119 (external, cli)" },
      tools: 14,
      want: {},
    },
    {
      name: "a later version",
      headers: { "user-agent": "claude-cli/3.0.1" },
      tools: 14,
      want: { agent: "main" },
    },
    {
      name: "the class that Claude Code sends counts more than the number of tools",
      headers: { "user-agent": "claude-cli/2.1.332", "x-claude-code-request-class": "auxiliary" },
      tools: 14,
      want: { agent: "side" },
    },
    {
      name: "a class that is none",
      headers: { "user-agent": "claude-cli/2.1.332", "x-claude-code-request-class": "constructor" },
      tools: 14,
      want: { agent: "main" },
    },
    { name: "another client", headers: { "user-agent": "curl/8.5.0" }, tools: 14, want: {} },
    { name: "nothing at all", headers: {}, want: {} },
    {
      name: "ids that are none",
      headers: { "x-claude-code-session-id": "/home/me/secret", "x-claude-code-agent-id": "\u00e9" },
      want: {},
    },
  ];
  for (const { name, headers, tools, want } of cases) {
    test(name, () => expect(readCaller(new Headers(headers), tools)).toEqual(want));
  }
});

describe("a model's name as it may be shown", () => {
  const cases: [given: string | undefined, want: string | undefined][] = [
    ["claude-sonnet-4-5", "claude-sonnet-4-5"],
    ["Qwen/Qwen3-Coder", "Qwen/Qwen3-Coder"],
    ["/home/me/models/qwen.gguf", "qwen.gguf"],
    ["models/qwen.gguf", "qwen.gguf"],
    ["C:\\models\\qwen", "qwen"],
    ["~/qwen", "qwen"],
    ["\u001b[31mred\nline", "?[31mred?line"],
    ["x".repeat(100), "x".repeat(64)],
    ["", undefined],
    ["/", undefined],
    [undefined, undefined],
  ];
  test.each(cases)("%p", (given, want) => expect(readModel(given)).toBe(want));
});
