import { describe, expect, test } from "bun:test";
import { contextSettings, type Known, launchClaudeCode, launchOther } from "../../../src/cli/run/launch.ts";

const KNOWN: Known = {
  url: "http://127.0.0.1:9",
  model: "qwen",
  context: 65_536,
  user: {},
  version: "2.1.332",
  readSettings: (value) => (value.startsWith("{") ? JSON.parse(value) : undefined),
};
const OURS = '{"env":{"ANTHROPIC_BASE_URL":"http://127.0.0.1:9"}}';

describe("the environment of Claude Code", () => {
  test("has the base URL, a key, the model by every name, the context and what keeps the cache warm", () => {
    expect(launchClaudeCode(["claude"], KNOWN).env).toEqual({
      ANTHROPIC_BASE_URL: "http://127.0.0.1:9",
      ANTHROPIC_AUTH_TOKEN: "local",
      ANTHROPIC_MODEL: "qwen",
      ANTHROPIC_DEFAULT_OPUS_MODEL: "qwen",
      ANTHROPIC_DEFAULT_SONNET_MODEL: "qwen",
      ANTHROPIC_DEFAULT_HAIKU_MODEL: "qwen",
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: "65536",
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: "8192",
      ENABLE_TOOL_SEARCH: "false",
      CLAUDE_CODE_GATEWAY_HINT_HEADERS: "1",
    });
  });

  test("changes nothing that the user has set, but for the base URL", () => {
    const user = { ANTHROPIC_BASE_URL: "http://other", ANTHROPIC_MODEL: "mine", ENABLE_TOOL_SEARCH: "true" };
    const { env } = launchClaudeCode(["claude"], { ...KNOWN, user });
    expect(env.ANTHROPIC_BASE_URL).toBe("http://127.0.0.1:9");
    expect(env).not.toContainAnyKeys(["ANTHROPIC_MODEL", "ENABLE_TOOL_SEARCH"]);
  });

  test.each(["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])(
    "has no key of ours next to the user's %s",
    (name) => {
      const { env } = launchClaudeCode(["claude"], { ...KNOWN, user: { [name]: "secret" } });
      expect(env).not.toHaveProperty("ANTHROPIC_AUTH_TOKEN");
      expect(JSON.stringify(env)).not.toContain("secret");
    },
  );

  test("turns off another provider, which would not use the base URL", () => {
    const user = { CLAUDE_CODE_USE_BEDROCK: "1", CLAUDE_CODE_USE_VERTEX: "0" };
    const { env, command } = launchClaudeCode(["claude"], { ...KNOWN, user });
    expect(env.CLAUDE_CODE_USE_BEDROCK).toBe("0");
    expect(env).not.toHaveProperty("CLAUDE_CODE_USE_VERTEX");
    expect(JSON.parse(command[2]!).env.CLAUDE_CODE_USE_BEDROCK).toBe("0");
  });

  test.each([
    ["2.1.63", ["ENABLE_TOOL_SEARCH"]],
    ["2.1.119", ["ENABLE_TOOL_SEARCH", "CLAUDE_CODE_MAX_CONTEXT_TOKENS"]],
    [undefined, []],
  ])("has only what version %s knows", (version, want) => {
    const { env, command } = launchClaudeCode(["claude", "-p", "hi"], { ...KNOWN, version });
    const names = Object.keys(env).filter((name) => /TOOL_SEARCH|CONTEXT|HINT/.test(name));
    expect(names).toEqual(want);
    expect(command.includes("--exclude-dynamic-system-prompt-sections")).toBe(version === "2.1.119");
  });

  test.each([
    [32_768, {}],
    [49_152, { CLAUDE_CODE_MAX_CONTEXT_TOKENS: "49152", CLAUDE_CODE_MAX_OUTPUT_TOKENS: "8192" }],
    [131_072, { CLAUDE_CODE_MAX_CONTEXT_TOKENS: "131072" }],
  ])("leaves room for the work in a context of %i tokens", (context, want) => {
    expect(contextSettings(context)).toEqual(want);
  });

  test("leaves out what the server does not say", () => {
    const { env } = launchClaudeCode(["claude"], { ...KNOWN, model: undefined, context: undefined });
    expect(env).not.toContainAnyKeys(["ANTHROPIC_MODEL", "CLAUDE_CODE_MAX_CONTEXT_TOKENS"]);
  });
});

describe("the arguments of Claude Code", () => {
  test.each<[string[], string[]]>([
    [[], ["--settings", OURS]],
    [
      ["mcp", "list"],
      ["--settings", OURS, "mcp", "list"],
    ],
    [
      ["-p", "hi"],
      ["--settings", OURS, "--exclude-dynamic-system-prompt-sections", "-p", "hi"],
    ],
    [
      ["--settings", '{"env":{"A":"1"},"model":"opus"}', "hi"],
      ["--settings", '{"env":{"A":"1","ANTHROPIC_BASE_URL":"http://127.0.0.1:9"},"model":"opus"}', "hi"],
    ],
    [
      ['--settings={"model":"opus"}', "hi"],
      ["--settings", '{"model":"opus","env":{"ANTHROPIC_BASE_URL":"http://127.0.0.1:9"}}', "hi"],
    ],
    [
      ["--settings", "unreadable.json"],
      ["--settings", "unreadable.json"],
    ],
  ])("%j", (given, want) => {
    expect(launchClaudeCode(["claude", ...given], KNOWN).command).toEqual(["claude", ...want]);
  });
});

test("another command gets the base URLs of both APIs, and its arguments unchanged", () => {
  expect(launchOther(["opencode", "--settings", "x"], KNOWN)).toEqual({
    env: { ANTHROPIC_BASE_URL: "http://127.0.0.1:9", OPENAI_BASE_URL: "http://127.0.0.1:9/v1" },
    command: ["opencode", "--settings", "x"],
  });
});
