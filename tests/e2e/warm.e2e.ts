/** Warm-ups: what a request costs when the time before it was used to evaluate what was known of it. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claudeCode, newestVersion } from "./setup/claude-code.ts";
import { MODEL_KINDS, type ModelKind } from "./setup/models.ts";
import { newUser, runSession, type SessionOptions, type User } from "./support/claude.ts";
import { type Duet, type Played, startDuet } from "./support/duet.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { type Proxy as RunningProxy, startProxy, startProxyWith } from "./support/proxy.ts";
import type { Measured } from "./support/replay.ts";
import { type Answer, type Scenario, text, thinking, tool } from "./support/scenario.ts";
import { type Cell, table } from "./support/table.ts";
import { IS_WHOLE } from "./support/whole.ts";

const CASES: readonly (readonly [template: string, kind: ModelKind])[] = [
  ["Qwen3.5-4B", "dense"],
  ["Qwen3.5-4B", "hybrid"],
  ["openai-gpt-oss-120b", "dense"],
  ["openai-gpt-oss-120b", "swa"],
  ["deepseek-ai-DeepSeek-V3.2", "dense"],
  ["GLM-4.6", "dense"],
  ["MiniMax-M2", "dense"],
  ["google-gemma-4-31B-it", "dense"],
];

const CALLS = 10;

const rows: Cell[][] = [];
const restartRows: Cell[][] = [];
const startRows: Cell[][] = [];

for (const [template, kind] of CASES) {
  test(`${template}, ${kind}: after a tool loop, the next message evaluates little more than its own tokens`, async () => {
    const off = IS_WHOLE || rows.length === 0 ? await measure(template, kind, "off") : undefined;
    const auto = await measure(template, kind, "auto");
    rows.push([`${template}, ${kind}`, auto.fresh, off?.evaluated, auto.evaluated, auto.warmed]);
    console.log(JSON.stringify(rows.at(-1)));
    expect(auto.evaluated).toBeLessThanOrEqual(1.2 * auto.fresh + 100);
    if (off) expect(auto.history).toEqual(off.history);
  }, 600_000);
}

/** A sliding-window model goes back to checkpoints, as a hybrid one does. */
for (const kind of MODEL_KINDS.filter((kind) => IS_WHOLE || kind !== "swa")) {
  test(`${kind}: after a restart of llama-server, the next message finds its conversation in the cache`, async () => {
    const off = IS_WHOLE ? await measureRestart(kind, "off") : undefined;
    const auto = await measureRestart(kind, "auto");
    restartRows.push([kind, tokensOf(auto), off?.evaluated, auto.evaluated]);
    expect(auto.evaluated).toBeLessThanOrEqual(0.05 * tokensOf(auto));
  }, 600_000);

  test(`${kind}: the first session of a day finds the start of its prompt in the cache`, async () => {
    const off = IS_WHOLE ? await measureFirstSession(kind, "off") : undefined;
    const on = await measureFirstSession(kind, "on");
    startRows.push([kind, tokensOf(on), off?.evaluated, on.evaluated]);
    expect(on.evaluated).toBeLessThanOrEqual(600);
  }, 600_000);
}

afterAll(() => {
  const heads = [
    ["Next message after 10 tool calls", "new tokens", "--warm off", "auto", "in the pause"],
    ["Next message after a restart", "prompt", "--warm off", "auto"],
    ["First request of a day", "prompt", "--remember off", "on"],
  ];
  for (const [at, all] of [rows, restartRows, startRows].entries())
    if (all.length > 0) console.log(`\n${table(heads[at]!, all)}\n`);
});

// --- internal ---

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

interface Figures {
  /** Prompt tokens of the next message's request that no request before it could have. */
  readonly fresh: number;
  readonly evaluated: number;
  /** Prompt tokens that the warm-up evaluated. */
  readonly warmed: number | undefined;
  /** The roles of the last request's messages. */
  readonly history: readonly string[];
}

async function measure(template: string, kind: ModelKind, warm: "auto" | "off"): Promise<Figures> {
  await using llama = await startLlamaServer(kind, `${template}.jinja`);
  await using duet = startDuet(SCENARIO, llama);
  await using proxy = await startProxy(duet.origin, "--verbose", "--warm", warm);
  using user = newUser();
  const options: SessionOptions = { ...(await patient(user)), baseUrl: proxy.origin };
  await runSession("Count the notes", options);
  const warmed = warm === "auto" ? await warmUpOf(proxy, llama) : undefined;
  const before = await llama.lastPrompt();
  await runSession("Thank you", { ...options, args: ["--continue"] });
  const last = lastOf(duet);
  const { measured } = last;
  const total = (measured.cached ?? 0) + (measured.evaluated ?? 0);
  return {
    fresh: total - (await llama.sharedTokens(before, measured.prompt)),
    evaluated: measured.evaluated ?? Number.NaN,
    warmed,
    history: rolesOf(last),
  };
}

/** A client whose sessions may take long: llama-server really evaluates their prompts. */
async function patient(user: User): Promise<Omit<SessionOptions, "baseUrl">> {
  return { claude: await claudeCode(await newestVersion()), user, longestMs: 240_000 };
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

async function measureRestart(kind: ModelKind, warm: "auto" | "off"): Promise<Measured> {
  await using llama = await startLlamaServer(kind, "Qwen3.5-4B.jinja");
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

async function measureFirstSession(kind: ModelKind, remember: "on" | "off"): Promise<Measured> {
  await using llama = await startLlamaServer(kind, "Qwen3.5-4B.jinja");
  await using duet = startDuet(SCENARIO, llama);
  using user = newUser();
  const options = await patient(user);
  const cache = mkdtempSync(join(tmpdir(), "cache-proxy-e2e-"));
  const start = () =>
    startProxyWith({ XDG_CACHE_HOME: cache }, duet.origin, "--verbose", "--remember", remember);
  try {
    {
      await using yesterday = await start();
      await runSession("Count once", { ...options, baseUrl: yesterday.origin });
      await warmedUp(yesterday, "after a turn");
    }
    await llama.restart();
    await using today = await start();
    if (remember === "on") await warmedUp(today, "start of a new session");
    await runSession("Thank you", { ...options, baseUrl: today.origin });
    return lastOf(duet).measured;
  } finally {
    rmSync(cache, { recursive: true });
  }
}

function lastOf({ played }: Duet): Played {
  const last = played.findLast(({ request }) => Buffer.from(request.body).includes("Thank you"));
  if (!last) throw new Error("the client did not send its next message");
  return last;
}

function tokensOf({ cached = 0, evaluated = 0 }: Measured): number {
  return cached + evaluated;
}

function rolesOf({ request }: Played): string[] {
  const { messages } = JSON.parse(Buffer.from(request.body).toString()) as { messages: { role: string }[] };
  return messages.map(({ role }) => role);
}
