/** Sessions of the real client with a pause in them, in which warm-ups may run, and what the request after the pause costs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claudeCode, newestVersion } from "../setup/claude-code.ts";
import { newUser, runSession, type SessionOptions, type User } from "./claude.ts";
import { type Duet, type Played, startDuet } from "./duet.ts";
import type { LlamaServer } from "./llama-server.ts";
import { type Proxy as RunningProxy, startProxy, startProxyWith } from "./proxy.ts";
import type { Measured } from "./replay.ts";
import { type Answer, type Scenario, text, thinking, tool } from "./scenario.ts";

/** Starts a server with an empty cache. */
export type Start = () => Promise<LlamaServer>;

/** The user's next message after a tool loop with thinking, which many templates then drop. */
export interface AfterLoop {
  readonly last: Played;
  /** Prompt tokens of the last request that no request before it could have. */
  readonly fresh: number;
  /** Prompt tokens that the warm-up evaluated. */
  readonly warmed: number | undefined;
}

export async function afterLoop(start: Start, warm: "auto" | "off"): Promise<AfterLoop> {
  await using llama = await start();
  await using duet = startDuet(SCENARIO, llama);
  await using proxy = await startProxy(duet.origin, "--verbose", "--warm", warm);
  using user = newUser();
  const options: SessionOptions = { ...(await patient(user)), baseUrl: proxy.origin };
  await runSession("Count the notes", options);
  const warmed = warm === "auto" ? await warmUpOf(proxy, llama) : undefined;
  const before = await llama.lastPrompt();
  await runSession("Thank you", { ...options, args: ["--continue"] });
  const last = lastOf(duet);
  const fresh = tokensOf(last.measured) - (await llama.sharedTokens(before, last.measured.prompt));
  return { last, fresh, warmed };
}

/** The user's next message after a restart of llama-server. */
export async function afterRestart(start: Start, warm: "auto" | "off"): Promise<Measured> {
  await using llama = await start();
  await using duet = startDuet(SCENARIO, llama);
  await using proxy = await startProxy(duet.origin, "--verbose", "--warm", warm);
  using user = newUser();
  const options = { ...(await patient(user)), baseUrl: proxy.origin };
  await runSession("Count once", options);
  await llama.restart();
  if (warm === "auto") await warmedUp(proxy, "after a restart");
  await runSession("Thank you", { ...options, args: ["--continue"] });
  return lastOf(duet).measured;
}

/** The first request of a day: server and proxy have been started again, and the session is new. */
export async function firstOfDay(start: Start, remember: "on" | "off"): Promise<Measured> {
  await using llama = await start();
  await using duet = startDuet(SCENARIO, llama);
  using user = newUser();
  const options = await patient(user);
  const cache = mkdtempSync(join(tmpdir(), "cache-proxy-e2e-"));
  const startRemembering = () =>
    startProxyWith({ XDG_CACHE_HOME: cache }, duet.origin, "--verbose", "--remember", remember);
  try {
    {
      await using yesterday = await startRemembering();
      await runSession("Count once", { ...options, baseUrl: yesterday.origin });
      await warmedUp(yesterday, "after a turn");
    }
    await llama.restart();
    await using today = await startRemembering();
    if (remember === "on") await warmedUp(today, "start of a new session");
    await runSession("Thank you", { ...options, baseUrl: today.origin });
    return lastOf(duet).measured;
  } finally {
    rmSync(cache, { recursive: true });
  }
}

/** The length of a prompt. */
export function tokensOf({ cached = 0, evaluated = 0 }: Measured): number {
  return cached + evaluated;
}

// --- internal ---

const CALLS = 10;
const SENTENCE = "The notes have to be counted once more, because a line may have been added since. ";

const SCENARIO: Scenario = {
  "Count the notes": [
    ...Array.from(
      { length: CALLS },
      (_, index): Answer => [
        thinking(`Step ${index}. ${SENTENCE.repeat(8)}`),
        tool("Bash", {
          command: `wc -l notes.txt; seq ${60 * index} ${60 * index + 40}`,
          description: "Count",
        }),
      ],
    ),
    [thinking("That is all of them."), text("One line, however often it is counted.")],
  ],
  "Count once": [
    [thinking(SENTENCE), tool("Bash", { command: "wc -l notes.txt", description: "Count" })],
    [text("One line.")],
  ],
  "Thank you": [[text("You are welcome.")]],
};

/** A client whose sessions may take long: llama-server really evaluates their prompts. */
async function patient(user: User): Promise<Omit<SessionOptions, "baseUrl">> {
  return { claude: await claudeCode(await newestVersion()), user, longestMs: 600_000 };
}

/** Waits for the end of the warm-up; resolves with the tokens that it evaluated. */
async function warmUpOf(proxy: RunningProxy, llama: LlamaServer): Promise<number> {
  const before = await llama.metrics();
  await warmedUp(proxy, "after a turn");
  const after = await llama.metrics();
  const name = "llamacpp:prompt_tokens_total";
  return (after.get(name) ?? 0) - (before.get(name) ?? 0);
}

/** Waits until a warm-up for this reason is complete. */
async function warmedUp(proxy: RunningProxy, reason: string): Promise<void> {
  const line = new RegExp(`${reason}[^:\n]*: (?:[\\d ]+ tokens|[\\d.]+ s)`);
  while (!line.test(proxy.messages())) {
    if (/warm-up.*failed|: failed;/.test(proxy.messages())) throw new Error(proxy.messages());
    await Bun.sleep(50);
  }
}

function lastOf({ played }: Duet): Played {
  const last = played.findLast(({ request }) => Buffer.from(request.body).includes("Thank you"));
  if (!last) throw new Error("the client did not send its next message");
  return last;
}
