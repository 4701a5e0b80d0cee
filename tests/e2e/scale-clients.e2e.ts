/** Real Claude Code sessions with subagents, all at once, through one proxy and a balancer: every conversation stays on one server. */
import { expect, test } from "bun:test";
import { claudeCode, newestVersion } from "./setup/claude-code.ts";
import { startBalancer } from "./support/balancer.ts";
import { newUser, runSession } from "./support/claude.ts";
import { placesOf, type Served } from "./support/crowd.ts";
import { startProxy } from "./support/proxy.ts";
import { isInference, listen, record, type TestServer } from "./support/recording.ts";
import { type Scenario, text, tool } from "./support/scenario.ts";
import { scriptedAnswer } from "./support/scripted-upstream.ts";

const SESSIONS = 8;

test("eight real sessions with a subagent each keep every conversation on one server", async () => {
  const claude = await claudeCode(await newestVersion());
  await using stack = new AsyncDisposableStack();
  const served: Served[] = [];
  const servers = ["llama1", "llama2"].map((name) => stack.use(startReplica(name, served)));
  const origins = servers.map(({ origin }) => origin);
  const balancer = stack.use(await startBalancer({ kind: "haproxy", servers: origins, slots: 20 }));
  const proxy = stack.use(await startProxy(balancer.origin));

  const sessions = Array.from({ length: SESSIONS }, async () => {
    using user = newUser();
    return (await runSession("Have the notes read", { claude, user, baseUrl: proxy.origin })).exitCode;
  });
  expect(await Promise.all(sessions)).toEqual(Array(SESSIONS).fill(0));

  const places = [...placesOf(served)];
  const subagents = places.filter(([conversation]) => conversation.includes(" agent "));
  console.log(
    `\n${served.length} requests of ${places.length} conversations, ${subagents.length} of subagents\n`,
  );
  expect(places.filter(([, on]) => on.length > 1)).toEqual([]);
  expect(subagents.length).toBe(SESSIONS);
  expect(new Set(served.map(({ server }) => server)).size).toBe(2);
}, 300_000);

// --- internal ---

const SCENARIO: Scenario = {
  "Have the notes read": [
    [
      tool("Task", {
        subagent_type: "general-purpose",
        description: "Do a part",
        prompt: "Read the notes aloud",
      }),
    ],
    [tool("Bash", { command: "wc -l notes.txt", description: "Count lines" })],
    [text("They were read.")],
  ],
  "Read the notes aloud": [
    [tool("Bash", { command: "cat notes.txt", description: "Show the notes" })],
    [text("They say: one line.")],
  ],
};

/** A scripted server that passes health checks and notes whose requests it got. */
function startReplica(name: string, served: Served[]): TestServer {
  return listen(async (request) => {
    const recorded = await record(request);
    if (!isInference(recorded)) return Response.json({ status: "ok" });
    const session = recorded.headers.get("x-claude-code-session-id") ?? "none";
    const agent = recorded.headers.get("x-claude-code-agent-id");
    served.push({ talk: agent ? `${session} agent ${agent}` : session, status: 200, server: name });
    return scriptedAnswer(SCENARIO, recorded, `scripted${served.length}`);
  });
}
