/** Another project starts as warm as a new session: its first prompt, and its first subagent's, share all that names no project. */
import { describe, expect, test } from "bun:test";
import { type Mode, recordProjects, type Sessions } from "./projects-sessions.ts";
import { claudeCode, newestVersion } from "./setup/claude-code.ts";
import type { ModelKind } from "./setup/models.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { Recorded } from "./support/recording.ts";
import { type Measured, replayAll } from "./support/replay.ts";
import { IS_WHOLE } from "./support/whole.ts";

const TEMPLATES: readonly (readonly [string, string, ModelKind])[] = [
  ["Qwen3.5", "Qwen3.5-4B.jinja", "dense"],
  ["Qwen3.5", "Qwen3.5-4B.jinja", "hybrid"],
  ["MiniMax-M2", "MiniMax-M2.jinja", "dense"],
  ["gpt-oss", "openai-gpt-oss-120b.jinja", "dense"],
  ["Ministral-3", "mistralai-Ministral-3-14B-Reasoning-2512.jinja", "dense"],
  ["GLM-4.6", "GLM-4.6.jinja", "dense"],
];

/**
 * Tokens beyond CLAUDE.md, git status, and the user's words. llama-server has a checkpoint 516 tokens before the end of a prompt and one
 * at the start of its last user turn. A hybrid model must go back to the second if more than 516 tokens are the project's own.
 */
const MOST = { dense: 400, hybrid: 1_000, swa: 1_000 } as const;

/** Its reminders and its environment are longer: 600 tokens are the project's own. */
const MOST_OF_2_1_177 = 1_600;

describe("the newest Claude Code", () => {
  test.each(TEMPLATES)(
    "%s (%s, %s)",
    async (_, template, kind) => {
      await expectWarm(await newestVersion(), "print", template, kind);
    },
    300_000,
  );
});

describe.each(["2.1.177", "2.1.330", "2.1.332"])("Claude Code %s", (version) => {
  test.each(["print", "terminal"] as const)(
    "%s",
    async (mode) => {
      await expectWarm(version, mode, "Qwen3.5-4B.jinja", "hybrid");
    },
    300_000,
  );
});

// --- internal ---

const recordings = new Map<string, Promise<[Sessions, Sessions]>>();

/** Each version plays the sessions once per mode. */
function recorded(version: string, mode: Mode): Promise<[Sessions, Sessions]> {
  const key = `${version} ${mode}`;
  const recording = recordings.get(key) ?? claudeCode(version).then((claude) => recordProjects(claude, mode));
  recordings.set(key, recording);
  return recording;
}

async function expectWarm(version: string, mode: Mode, template: string, kind: ModelKind): Promise<void> {
  const [one, other] = await recorded(version, mode);
  await using server = await startLlamaServer(kind, template);
  const raw = IS_WHOLE ? await measure(server, [one, other], server.origin) : undefined;
  await using proxy = await startProxy(server.origin);
  const proxied = await measure(server, [one, other], proxy.origin);
  for (const agent of ["main", "subagent"] as const) {
    const own = await ownTokens(server, other[agent]);
    const before = raw && (raw[agent].evaluated ?? "refused");
    const after = proxied[agent].evaluated;
    console.log(
      `${version} ${mode} | ${template} ${kind} | ${agent} | ${before ?? ""} | ${after} | own ${own}`,
    );
    expect(proxied[agent].status).toBe(200);
    expect(after! - own).toBeLessThanOrEqual(version === "2.1.177" ? MOST_OF_2_1_177 : MOST[kind]);
  }
}

/** What the second project's first prompts cost after those of the first project, with nothing else in the cache. */
async function measure(
  server: LlamaServer,
  [one, other]: readonly [Sessions, Sessions],
  origin: string,
): Promise<Record<keyof Sessions, Measured>> {
  await server.restart();
  const measured = await replayAll([one.main, other.main, one.subagent, other.subagent], server, origin);
  return { main: measured[1]!, subagent: measured[3]! };
}

/** The tokens of CLAUDE.md, git status, and the user's words, which no other project can share. */
async function ownTokens(server: LlamaServer, { body }: Recorded): Promise<number> {
  const { system, messages } = JSON.parse(Buffer.from(body).toString()) as Body;
  const [first] = messages;
  const blocks = typeof first?.content === "string" ? [{ text: first.content }] : (first?.content ?? []);
  const own = blocks
    .map(({ text }) => text)
    .filter((text) => !text.includes("<system-reminder>") || OWN.test(text));
  const inPrompt = system.flatMap(({ text }) => /^gitStatus: [\s\S]*/m.exec(text)?.[0] ?? []);
  const counts = await Promise.all([...own, ...inPrompt].map((text) => server.sharedTokens(text, text)));
  return counts.reduce((sum, count) => sum + count, 0);
}

interface Body {
  readonly system: readonly { readonly text: string }[];
  readonly messages: readonly { readonly content: string | readonly { readonly text: string }[] }[];
}

const OWN = /CLAUDE\.md|# gitStatus/;
