import { describe, expect, test } from "bun:test";
import { banner, exposureWarning, upstreamWarning } from "../../src/cli/banner.ts";
import type { Options } from "../../src/cli/options.ts";
import { readOptions } from "../../src/cli/options.ts";
import type { ServerView } from "../../src/upstream/watch.ts";

const OPTIONS = readOptions([]) as Options;
const URL = "http://127.0.0.1:8081";
const since = "2026-11-25T09:00:00.000Z";
const CONTROL = /[^\P{Cc}\n]/u;

test("what the upstream says about itself cannot move the cursor or add a line", () => {
  const facts = { model: "tiny\n  forged\x1b[2J", build: "b1\x9b31m\u202e", slots: 2, context: 4096 };
  const text = banner(OPTIONS, URL, { state: "ready", since, ...facts });
  expect(text).not.toMatch(CONTROL);
  expect(text).not.toContain("\u202e");
  expect(text).not.toMatch(/^ *forged/m);
  expect(text).toContain("llama-server b1\\u009b31m\\u202e, tiny\\u000a  forged\\u001b[2J\n");
  expect(text).toContain("2 slots, 4 096 tokens of context");
});

test("the cause of a failure is one short line", () => {
  const warning = upstreamWarning(OPTIONS, { cause: `no\r\n\x1b[2J${"x".repeat(500)}` })!;
  expect(warning).not.toMatch(/\p{Cc}/u);
  expect(warning.length).toBeLessThan(300);
  expect(warning).toContain("start it or pass --upstream");
});

describe("an upstream without facts still has a banner", () => {
  const cases: [server: Omit<ServerView, "since">, words: string][] = [
    [{ state: "other", status: 404 }, "answers, but not like llama-server"],
    [{ state: "lost", cause: "connection refused" }, "does not answer (connection refused)"],
    [{ state: "loading", status: 503 }, "llama-server is loading its model"],
  ];
  test.each(cases)("%p", (server, words) =>
    expect(banner(OPTIONS, URL, { ...server, since })).toContain(words),
  );
});

test("the command to type next is the last thing and stands alone, in the shell's own form", () => {
  const server = { state: "ready", since } as const;
  const last = (platform: NodeJS.Platform) => banner(OPTIONS, URL, server, platform).trimEnd().split("\n");
  expect(last("linux").slice(-3)).toEqual([
    "",
    "Start Claude Code in another terminal:",
    "  ANTHROPIC_BASE_URL=http://127.0.0.1:8081 ANTHROPIC_AUTH_TOKEN=local claude",
  ]);
  expect(last("win32").at(-1)).toBe(
    '  $env:ANTHROPIC_BASE_URL="http://127.0.0.1:8081"; $env:ANTHROPIC_AUTH_TOKEN="local"; claude',
  );
});

test("only an address that others can reach has a warning", () => {
  expect(exposureWarning(OPTIONS)).toBeUndefined();
  expect(exposureWarning({ ...OPTIONS, host: "0.0.0.0" })).toContain("everyone who can reach");
  expect(banner(OPTIONS, "http://0.0.0.0:8081", { state: "other", since, status: 404 })).toContain(
    "ANTHROPIC_BASE_URL=http://127.0.0.1:8081 ",
  );
});
