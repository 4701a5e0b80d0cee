import { describe, expect, test } from "bun:test";
import { type Launch, type Shell, script, shellOf } from "../../../src/cli/run/shell.ts";

const LAUNCH: Launch = {
  env: { PLAIN: "http://127.0.0.1:1/v1", QUOTED: 'it\'s \\ "$HOME"', GONE: undefined },
  command: ["printf", "%s|", "a b", "it's", "$x", "\\", ""],
};
const PRINT = '\nprintf "%s|" "$PLAIN" "$QUOTED" "$GONE"';

describe("the script means the same in every shell", () => {
  test.each<[Shell, string[]]>([
    ["sh", ["sh"]],
    ["fish", ["fish", "--no-config"]],
  ])("%s", async (shell, program) => {
    if (!Bun.which(program[0]!)) return;
    const child = Bun.spawn(program, {
      env: { PATH: process.env.PATH, HOME: "/nonexistent", GONE: "still here" },
      stdin: Buffer.from(script(LAUNCH, shell) + PRINT),
    });
    const printed = await new Response(child.stdout).text();
    expect(printed).toBe("a b|it's|$x|\\||http://127.0.0.1:1/v1|it's \\ \"$HOME\"||");
  });

  test("PowerShell", () => {
    expect(script({ env: { A: "it's", B: undefined }, command: ["claude", "a b"] }, "powershell")).toBe(
      "$env:A = 'it''s'\nRemove-Item Env:B -ErrorAction Ignore\n& 'claude' 'a b'",
    );
  });
});

test("keys in settings are masked, everything else is shown", () => {
  const settings = JSON.stringify({ env: { ANTHROPIC_API_KEY: 'sk-"1', MY_SECRET: "s", COLOR: "blue" } });
  const text = script({ env: {}, command: ["claude", "--settings", settings] }, "sh");
  expect(text).not.toContain("sk-");
  expect(text).toContain('"ANTHROPIC_API_KEY":"****","MY_SECRET":"****","COLOR":"blue"');
});

test.each([
  [{ SHELL: "/usr/bin/fish" }, "linux", "fish"],
  [{ SHELL: "/bin/zsh" }, "darwin", "sh"],
  [{}, "linux", "sh"],
  [{}, "win32", "powershell"],
  [{ SHELL: "/usr/bin/bash" }, "win32", "sh"],
] as const)("%j on %s is %s", (env, platform, want) => {
  expect(shellOf(env, platform)).toBe(want);
});
