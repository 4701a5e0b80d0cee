/** Every version of Claude Code through the compiled binary: the same header for all, no other byte changed, normal sessions. */
import { expect, test } from "bun:test";
import { claudeCode, everyVersion } from "./setup/claude-code.ts";
import { newUser, runSession } from "./support/claude.ts";
import { startProxy } from "./support/proxy.ts";
import { isInference, type Recorded } from "./support/recording.ts";
import { RELAY_ID, startRelay } from "./support/relay.ts";
import { type Scenario, text, tool } from "./support/scenario.ts";
import { startScriptedUpstream } from "./support/scripted-upstream.ts";

const SCENARIO: Scenario = {
  "Count the notes": [
    [text("I count them."), tool("Bash", { command: "wc -l notes.txt", description: "Count the lines" })],
    [tool("Task", { subagent_type: "general-purpose", description: "Read", prompt: "Read the notes aloud" })],
    [text("All is counted.")],
  ],
  "Read the notes aloud": [
    [tool("Bash", { command: "cat notes.txt", description: "Show the notes" })],
    [text("They say: one line.")],
  ],
};

/** Leaves only the repair of the header. */
const HEADER_ONLY = ["--system-turns", "--project-paragraphs", "--tools"].flatMap((flag) => [flag, "keep"]);

/** The headers of all requests of all versions, as the upstream received them. */
const headers = new Set<string>();

for (const version of await everyVersion()) {
  test(`Claude Code ${version}: only the header differs, and the session ends normally`, async () => {
    await using upstream = startScriptedUpstream(SCENARIO);
    await using proxy = await startProxy(upstream.origin, ...HEADER_ONLY);
    await using relay = startRelay(proxy.origin);
    using user = newUser();
    const claude = await claudeCode(version);

    const session = await runSession("Count the notes", { claude, user, baseUrl: relay.origin });

    expect(session).toMatchObject({ exitCode: 0, output: expect.stringContaining("All is counted.") });
    const received = upstream.requests.filter(isInference);
    expect(received.filter(isSubagent).length).toBeGreaterThanOrEqual(2);
    expect(received.filter((request) => !isSubagent(request)).length).toBeGreaterThanOrEqual(3);
    for (const request of received) {
      const sent = relay.requests[Number(request.headers.get(RELAY_ID))];
      if (!sent) throw new Error("the upstream received a request that the client did not send");
      expectSameButHeader(sent, request);
      headers.add(headerOf(request));
    }
  }, 180_000);
}

test("the header is the same for every version, in main conversations and subagents", () => {
  expect([...headers]).toEqual([expect.stringMatching(/^x-anthropic-billing-header: /)]);
});

// --- internal ---

function expectSameButHeader(sent: Recorded, received: Recorded): void {
  const [before, after] = [aroundHeader(sent), aroundHeader(received)];
  expect(Buffer.compare(before.head, after.head)).toBe(0);
  expect(Buffer.compare(before.tail, after.tail)).toBe(0);
  expect(`${received.method} ${received.target}`).toBe(`${sent.method} ${sent.target}`);
}

/** The bytes before and after the header. */
function aroundHeader(request: Recorded): { head: Buffer; tail: Buffer } {
  const body = Buffer.from(request.body);
  const header = JSON.stringify(headerOf(request));
  const at = body.indexOf(header);
  expect(at).toBeGreaterThan(0);
  return { head: body.subarray(0, at), tail: body.subarray(at + header.length) };
}

/** The first block of the system prompt. These clients send an array in which the header is a separate block. */
function headerOf({ body }: Recorded): string {
  const { system } = JSON.parse(Buffer.from(body).toString()) as { system: { text: string }[] };
  return system[0]?.text ?? "";
}

function isSubagent({ body }: Recorded): boolean {
  const { messages } = JSON.parse(Buffer.from(body).toString()) as { messages: unknown[] };
  return JSON.stringify(messages[0]).includes("Read the notes aloud");
}
