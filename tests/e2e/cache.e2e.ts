/** The product's promise: a second session finds in llama-server's cache everything it has in common with the first. */
import { expect, test } from "bun:test";
import { claudeCode } from "./setup/claude-code.ts";
import { BUILDS } from "./setup/llama-cpp.ts";
import { newUser, runSession } from "./support/claude.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import { isInference, type Recorded } from "./support/recording.ts";
import { type Measured, replayAll } from "./support/replay.ts";
import { type Scenario, text, tool } from "./support/scenario.ts";
import { startScriptedUpstream } from "./support/scripted-upstream.ts";
import { table } from "./support/table.ts";
import { IS_WHOLE } from "./support/whole.ts";

const SCENARIO: Scenario = {
  "Count the notes": [
    [tool("Bash", { command: "wc -l notes.txt", description: "Count the lines" })],
    [tool("Task", { subagent_type: "general-purpose", description: "Read", prompt: "Read the notes aloud" })],
    [text("All is counted.")],
  ],
  "Read the notes aloud": [
    [tool("Bash", { command: "cat notes.txt", description: "Show the notes" })],
    [text("They say: one line.")],
  ],
  "Which notes are the longest?": [
    [tool("Bash", { command: "wc -c notes.txt", description: "Count the bytes" })],
    [
      tool("Task", {
        subagent_type: "general-purpose",
        description: "Sort",
        prompt: "Put the notes in order",
      }),
    ],
    [text("The first.")],
  ],
  "Put the notes in order": [[text("They are.")]],
};

const VERSIONS = ["2.1.119", "2.1.330"];

for (const [at, build] of BUILDS.entries()) {
  // Each version and each build once is enough where time is short.
  for (const version of IS_WHOLE ? VERSIONS : [VERSIONS[at % 2]!]) {
    test(`Claude Code ${version}, llama.cpp ${build}: the second session starts with a warm cache, but only through the proxy`, async () => {
      const requests = await recordSessions(version, ["Count the notes", "Which notes are the longest?"]);
      await using direct = await startLlamaServer("dense", "Qwen3-Coder.jinja", { build });
      await using upstream = await startLlamaServer("dense", "Qwen3-Coder.jinja", { build });
      await using proxy = await startProxy(upstream.origin);
      const [raw, proxied] = await Promise.all([
        replayAll(requests, direct),
        replayAll(requests, upstream, proxy.origin),
      ]);
      console.log(tableOf(`${version}, ${build}`, requests, raw, proxied));

      expect([...raw, ...proxied].map((one) => one.status)).toEqual(Array(2 * requests.length).fill(200));
      for (const [first, second] of [
        ["Count the notes", "Which notes are the longest?"],
        ["Read the notes aloud", "Put the notes in order"],
      ] as const) {
        const [one, other] = [firstOf(requests, first), firstOf(requests, second)];
        const shared = await sharedTokens(upstream, proxied[one], proxied[other]);
        expect(shared).toBeGreaterThan(3000);
        expect(proxied[other]?.cached).toBeGreaterThanOrEqual(0.95 * shared);
        expect(raw[other]?.cached).toBeLessThan(0.95 * shared);
      }
    }, 300_000);
  }
}

// --- internal ---

/** The requests of a user who starts one session after another in the same project. */
async function recordSessions(version: string, sessions: readonly string[]): Promise<Recorded[]> {
  const claude = await claudeCode(version);
  await using upstream = startScriptedUpstream(SCENARIO);
  using user = newUser();
  for (const words of sessions) await runSession(words, { claude, user, baseUrl: upstream.origin });
  return upstream.requests.filter(isInference);
}

/** The index of the first request of the conversation that begins with `words`. */
function firstOf(requests: readonly Recorded[], words: string): number {
  return requests.findIndex((request) => firstTurn(request).includes(words));
}

function firstTurn({ body }: Recorded): string {
  const { messages } = JSON.parse(Buffer.from(body).toString()) as { messages: unknown[] };
  return JSON.stringify(messages[0]);
}

function sharedTokens(
  server: LlamaServer,
  one: Measured | undefined,
  other: Measured | undefined,
): Promise<number> {
  return server.sharedTokens(one?.prompt ?? "", other?.prompt ?? "");
}

function tableOf(
  title: string,
  requests: readonly Recorded[],
  raw: readonly Measured[],
  proxied: readonly Measured[],
): string {
  const rows = requests.map((request, at) => [
    Object.keys(SCENARIO).find((words) => firstTurn(request).includes(words)),
    raw[at]?.cached,
    raw[at]?.evaluated,
    proxied[at]?.cached,
    proxied[at]?.evaluated,
  ]);
  const head = [`Claude Code ${title}`, "raw: cached", "evaluated", "proxied: cached", "evaluated"];
  return `\n${table(head, rows)}\n`;
}
