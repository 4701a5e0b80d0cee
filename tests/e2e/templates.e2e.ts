/** Current Claude Code with every kind of chat template: no request fails, and each turn finds the previous one in the cache. */
import { afterAll, expect, test } from "bun:test";
import { claudeCode, newestVersion } from "./setup/claude-code.ts";
import type { ModelKind } from "./setup/models.ts";
import { type Comparison, type RecordedStep, requestTable, summaryTable } from "./support/comparison.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { Recorded } from "./support/recording.ts";
import { type Measured, replayAll } from "./support/replay.ts";
import { type Step, stepsOf } from "./support/steps.ts";
import { recordStory, STORIES } from "./support/stories.ts";
import { IS_WHOLE } from "./support/whole.ts";

interface Case {
  readonly template: string;
  readonly kind: ModelKind;
  /** Other templates render thinking only after the user's latest message, so a new message changes all turns since the previous one. */
  readonly keepsThinking?: boolean;
}

const CASES: readonly Case[] = [
  { template: "Qwen3.5-4B", kind: "dense" },
  { template: "Qwen3.5-4B", kind: "hybrid" },
  { template: "mistralai-Ministral-3-14B-Reasoning-2512", kind: "dense", keepsThinking: true },
  { template: "MiniMax-M2", kind: "dense" },
  { template: "openai-gpt-oss-120b", kind: "dense" },
  { template: "GLM-4.6", kind: "dense" },
  { template: "google-gemma-4-31B-it", kind: "dense" },
  { template: "google-gemma-4-31B-it", kind: "swa" },
  { template: "deepseek-ai-DeepSeek-V3.2", kind: "dense" },
];

/** An older client sends the same kinds of turns: one model is enough, the one that forgives least. */
const FOR_OLDER: readonly Case[] = CASES.filter(({ kind }) => kind === "hybrid");

const comparisons: Comparison[] = [];
const newest = await newestVersion();

for (const version of new Set(["2.1.330", newest])) {
  for (const one of IS_WHOLE || version === newest ? CASES : FOR_OLDER) {
    test(`Claude Code ${version} with ${one.template}, ${one.kind}: no error, and earlier turns are cached`, async () => {
      const recorded = await recordedBy(version);
      const requests = recorded.map(({ request }) => request);
      const [raw, proxied] = await Promise.all([
        IS_WHOLE ? measureRaw(one, requests) : [],
        measureProxied(one, requests),
      ]);
      const comparison = { title: `${version}, ${one.template}, ${one.kind}`, recorded, raw, proxied };
      comparisons.push(comparison);
      console.log(requestTable(comparison));
      expect(complaints(one, comparison)).toEqual([]);
    }, 300_000);
  }
}

afterAll(() => console.log(summaryTable(comparisons)));

// --- internal ---

const recordings = new Map<string, Promise<RecordedStep[]>>();

/** The requests of all stories, recorded once per version and replayed with every template. */
function recordedBy(version: string): Promise<RecordedStep[]> {
  const recording = recordings.get(version) ?? recordStories(version);
  recordings.set(version, recording);
  return recording;
}

async function recordStories(version: string): Promise<RecordedStep[]> {
  const claude = await claudeCode(version);
  const steps: RecordedStep[] = [];
  for (const [name, story] of Object.entries(STORIES)) {
    const requests = await recordStory(story, claude);
    const offset = steps.length;
    for (const [at, step] of stepsOf(requests, offset).entries()) {
      steps.push({ story: name, step, request: requests[at] as Recorded });
    }
  }
  return steps;
}

async function measureRaw({ kind, template }: Case, requests: readonly Recorded[]): Promise<Measured[]> {
  await using server = await startLlamaServer(kind, `${template}.jinja`);
  return await replayAll(requests, server);
}

async function measureProxied({ kind, template }: Case, requests: readonly Recorded[]): Promise<Measured[]> {
  await using server = await startLlamaServer(kind, `${template}.jinja`);
  await using proxy = await startProxy(server.origin);
  return await replayAll(requests, server, proxy.origin);
}

/** One message per request that failed or found too little in the cache. */
function complaints(one: Case, { recorded, proxied }: Comparison): string[] {
  return recorded.flatMap(({ story, step }, at) => {
    const { status, answer, cached = 0 } = proxied[at] as Measured;
    const name = `${story}, ${step.kind}, request ${at}`;
    if (status !== 200) return [`${name}: status ${status}, ${answer.slice(0, 200)}`];
    const isSecond = step.kind === "first" && story === "two sessions" && recorded[at - 1]?.story === story;
    const least = isSecond ? leastInNewSession(one, proxied[at]) : leastCached(one, step, proxied);
    return cached >= least ? [] : [`${name}: ${cached} cached of at least ${Math.ceil(least)}`];
  });
}

/** How many tokens of a turn must come from the cache. */
function leastCached({ kind, keepsThinking }: Case, step: Step, measured: readonly Measured[]): number {
  // tools.e2e.ts covers the cost of new tools.
  if (step.kind === "first" || step.kind === "new tools") return 0;
  const keptFrom = step.kind === "new words" && !keepsThinking ? step.spoken : step.previous;
  const before = tokens(measured[keptFrom]);
  // A hybrid or sliding-window model goes back to a checkpoint: at the start of a turn or 516 tokens before a prompt's end.
  return kind === "dense" ? 0.97 * before : before - 600;
}

/** A new session in a project configured as the README advises finds nearly all of its first prompt in the cache. */
function leastInNewSession({ kind }: Case, measured: Measured | undefined): number {
  return (kind === "dense" ? 0.99 : 0.97) * tokens(measured);
}

function tokens(measured: Measured | undefined): number {
  return (measured?.cached ?? 0) + (measured?.evaluated ?? 0);
}
