/** A prompt larger than llama-server's context: the client gets an error message that it knows, and compacts. */
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

test("the error of a real llama-server is translated, and makes Claude Code compact", async () => {
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

  // The real client gets the same answer until its conversation is compacted.
  await using upstream = await startFaultyUpstream(SCENARIO, {
    fault: { status: own.status, body: JSON.parse(own.answer) as object },
    silenceMs: 0,
    isDue: isTooLong,
  });
  await using inFront = await startProxy(upstream.origin);
  using user = newUser();
  const session = await runSession("Count the notes", { claude, user, baseUrl: inFront.origin });
  expect(session.exitCode).toBe(0);
  const last = upstream.requests.at(-1)?.body ?? new Uint8Array();
  expect(Buffer.from(last).toString()).toContain("Nothing more to do.");
}, 180_000);

// --- internal ---

/** True until the conversation is compacted, except for the request for the summary, which ends with a message of its own. */
function isTooLong({ messages }: Conversation): boolean {
  return messages.some(({ role }) => role === "assistant") && wordsIn(messages.at(-1)) === "";
}
