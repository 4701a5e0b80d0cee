/** What is the same in every session comes before all that moves: a second session after a commit finds its prompt's start in the cache. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./setup/cache.ts";
import { claudeCode } from "./setup/claude-code.ts";
import { newUser, runSession, type User } from "./support/claude.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import { isInference, type Recorded } from "./support/recording.ts";
import { replayAll } from "./support/replay.ts";
import { type Scenario, text } from "./support/scenario.ts";
import { startScriptedUpstream } from "./support/scripted-upstream.ts";
import { IS_WHOLE } from "./support/whole.ts";

const SCENARIO: Scenario = { "Count the notes": [[text("One.")]], "Sort the notes": [[text("They are.")]] };

const TEMPLATES = [
  ["Qwen3.5", "Qwen3.5-4B.jinja"],
  ["MiniMax-M2", "MiniMax-M2.jinja"],
] as const;

describe.each(IS_WHOLE ? ["2.1.330", "2.1.332"] : ["2.1.332"])(
  "Claude Code %s, a second session after a commit",
  (version) => {
    test.each(TEMPLATES)(
      "%s",
      async (_, template) => {
        const requests = await recordTwoSessions(version);
        for (const [kind, most] of [
          ["dense", 300],
          ["hybrid", 700],
        ] as const) {
          await using server = await startLlamaServer(kind, template);
          await using proxy = await startProxy(server.origin);
          const [first, second] = await replayAll(requests, server, proxy.origin);
          console.log(
            `${version} ${template} ${kind}: ${first?.evaluated}, then ${second?.evaluated} evaluated`,
          );
          expect(first?.evaluated).toBeGreaterThan(10_000);
          expect(second?.evaluated).toBeLessThan(most);
        }
      },
      300_000,
    );
  },
);

// --- internal ---

/** The first requests of two sessions in a git repository, with a commit between them. */
async function recordTwoSessions(version: string): Promise<Recorded[]> {
  const claude = await claudeCode(version);
  await using upstream = startScriptedUpstream(SCENARIO);
  using user = newUser();
  await git(user, "init", "--quiet", "--initial-branch=main");
  await commit(user, "one");
  for (const words of Object.keys(SCENARIO)) {
    await runSession(words, { claude, user, baseUrl: upstream.origin });
    await commit(user, `after: ${words}`);
  }
  return upstream.requests.filter((request) => isInference(request) && hasTools(request));
}

async function commit(user: User, message: string): Promise<void> {
  writeFileSync(join(user.project, "notes.txt"), `${message}\n`);
  await git(user, "add", "--all");
  await git(
    user,
    "-c",
    "user.name=n",
    "-c",
    "user.email=n@example.com",
    "commit",
    "--quiet",
    "--message",
    message,
  );
}

async function git({ project }: User, ...args: string[]): Promise<void> {
  await run(["git", "-C", project, ...args]);
}

function hasTools({ body }: Recorded): boolean {
  return JSON.parse(Buffer.from(body).toString()).tools?.length > 0;
}
