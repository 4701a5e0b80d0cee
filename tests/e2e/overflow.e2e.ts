/** A prompt beyond llama-server's context: the client learns it in words that it knows, and compacts. */
import { expect, test } from "bun:test";
import { claudeCode } from "./setup/claude-code.ts";
import { newUser, runSession } from "./support/claude.ts";
import { startFaultyUpstream } from "./support/faulty-upstream.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import { resend } from "./support/replay.ts";
import { type Conversation, type Scenario, text, tool, wordsIn } from "./support/scenario.ts";
import { recordStory, toolCalls } from "./support/stories.ts";

const SCENARIO: Scenario = {
  "Count the notes": [
    [tool("Bash", { command: "wc -l notes.txt", description: "Count the lines" })],
    [text("All is counted.")],
  ],
};

const claude = await claudeCode("2.1.330");

test("Claude Code compacts, and what a real llama-server says reaches it in the same words", async () => {
  const [request] = await recordStory(toolCalls, claude);
  if (!request) throw new Error("the story has no request");
  await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja", { n_ctx: 4096 });
  const own = await resend(request, server.origin);
  await using proxy = await startProxy(server.origin);
  const translated = await resend(request, proxy.origin);
  expect(translated.status).toBe(400);
  expect(JSON.parse(translated.answer)).toMatchObject({
    type: "error",
    error: {
      type: "invalid_request_error",
      message: expect.stringMatching(/^prompt is too long: \d+ tokens > 4096 maximum$/),
    },
  });

  // The same answer to the real client, as long as its conversation is not compacted.
  await using upstream = await startFaultyUpstream(SCENARIO, {
    fault: { status: own.status, body: JSON.parse(own.answer) as object },
    silenceMs: 0,
    isDue: isTooLong,
  });
  await using before = await startProxy(upstream.origin);
  using user = newUser();
  const session = await runSession("Count the notes", { claude, user, baseUrl: before.origin });
  expect(session.exitCode).toBe(0);
  const last = upstream.requests.at(-1)?.body ?? new Uint8Array();
  expect(Buffer.from(last).toString()).toContain("Nothing more to do.");
}, 180_000);

// --- internal ---

/** Until it is compacted; the request for the summary is let through, as its own words come last in it. */
function isTooLong({ messages }: Conversation): boolean {
  return messages.some(({ role }) => role === "assistant") && wordsIn(messages.at(-1)) === "";
}
