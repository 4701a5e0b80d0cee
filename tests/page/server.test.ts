import { expect, test } from "bun:test";
import { serverWords } from "../../src/page/server.ts";
import { startCommand } from "../../src/page/start.ts";
import type { ServerView } from "../../src/upstream/watch.ts";

const since = "2026-11-25T18:13:03.000Z";

const cases: [server: ServerView, words: RegExp][] = [
  [
    { state: "ready", since, build: "b10434", model: "Qwen3-Coder-30B", slots: 1, context: 131_072 },
    /^llama-server b10434 · Qwen3-Coder-30B · 1 slot · 131 072 tokens$/,
  ],
  [{ state: "ready", since, slots: 2, sleeping: true }, /^llama-server · 2 slots · asleep$/],
  [{ state: "loading", since, status: 503 }, /^llama-server has been loading its model since \d\d:13:03$/],
  [
    { state: "lost", since, cause: "connection refused" },
    /^not answering since \d\d:13:03 \(connection refused\)$/,
  ],
  [{ state: "other", since, status: 404 }, /not like llama-server \(status 404/],
];
test.each(cases)("the first line of %p", (server, words) => expect(serverWords(server)).toMatch(words));

test("the command has the form of the visitor's shell", () => {
  const origin = "http://127.0.0.1:8081";
  expect(startCommand(origin, false)).toBe(`ANTHROPIC_BASE_URL=${origin} ANTHROPIC_AUTH_TOKEN=local claude`);
  expect(startCommand(origin, true)).toStartWith(`$env:ANTHROPIC_BASE_URL="${origin}"; `);
});
