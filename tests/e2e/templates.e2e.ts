/** Today's Claude Code on every kind of chat template: no request fails, and each turn finds the one before it in the cache. */
import { expect, test } from "bun:test";
import { claudeCode, newestVersion } from "./setup/claude-code.ts";
import type { ModelKind } from "./setup/models.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { Recorded } from "./support/recording.ts";
import { type Measured, replayAll } from "./support/replay.ts";
import { type Step, stepsOf } from "./support/steps.ts";
import { recordStory, STORIES } from "./support/stories.ts";
import { table } from "./support/table.ts";

interface Case {
  readonly template: string;
  readonly kind: ModelKind;
  /** The others render thinking only behind the user's latest words: new words change the turns since the words before. */
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
  { template: "deepseek-ai-DeepSeek-V3.2", kind: "dense" },
];

for (const version of new Set(["2.1.330", await newestVersion()])) {
  for (const one of CASES) {
    test(`Claude Code ${version} on ${one.template}, ${one.kind}: no error, and what was sent before is cached`, async () => {
      const recorded = await recordedBy(version);
      const requests = recorded.map(({ request }) => request);
      const [raw, proxied] = await Promise.all([measureRaw(one, requests), measureProxied(one, requests)]);
      console.log(tableOf(`${version}, ${one.template}, ${one.kind}`, recorded, raw, proxied));
      expect(complaints(one, recorded, proxied)).toEqual([]);
    }, 300_000);
  }
}

// --- internal ---

interface RecordedStep {
  readonly story: string;
  readonly step: Step;
  readonly request: Recorded;
}

const recordings = new Map<string, Promise<RecordedStep[]>>();

/** The requests of all stories, recorded once and replayed on every template. */
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

/** What is not as it must be, in words that say which request and by how many tokens. */
function complaints(one: Case, recorded: readonly RecordedStep[], measured: readonly Measured[]): string[] {
  const failed = measured.flatMap(({ status, answer }, at) =>
    status === 200 ? [] : [`${nameOf(recorded[at])}: status ${status}, ${answer.slice(0, 200)}`],
  );
  const cold = recorded.flatMap((entry, at) => {
    const least = leastCached(one, entry.step, measured) ?? secondSession(one, recorded, measured, at);
    const { cached = 0 } = measured[at] ?? {};
    return least === undefined || cached >= least
      ? []
      : [`${nameOf(entry)} (${at}): ${cached} cached of at least ${Math.ceil(least)}`];
  });
  return [...failed, ...cold];
}

/** How many tokens of a turn must come from the cache; undefined where nothing is known to be in it. */
function leastCached(
  { kind, keepsThinking }: Case,
  step: Step,
  measured: readonly Measured[],
): number | undefined {
  // What new tools cost is another story: tools.e2e.ts.
  if (step.kind === "first" || step.kind === "new tools") return undefined;
  const keptFrom = step.kind === "new words" && !keepsThinking ? step.spoken : step.previous;
  const before = tokens(measured[keptFrom]);
  // A hybrid model goes back to its last checkpoint, at the start of a turn or 516 tokens before a prompt's end.
  return kind === "hybrid" ? before - 600 : 0.97 * before;
}

/** A new session in a project, set up as the README advises, begins with nearly all of its prompt cached. */
function secondSession(
  { kind }: Case,
  recorded: readonly RecordedStep[],
  measured: readonly Measured[],
  at: number,
): number | undefined {
  if (recorded[at]?.story !== "two sessions" || recorded[at - 1]?.story !== "two sessions") return undefined;
  return (kind === "hybrid" ? 0.97 : 0.99) * tokens(measured[at]);
}

function tokens(measured: Measured | undefined): number {
  return (measured?.cached ?? 0) + (measured?.evaluated ?? 0);
}

function nameOf(entry: RecordedStep | undefined): string {
  return `${entry?.story}, ${entry?.step.kind}`;
}

function tableOf(
  title: string,
  recorded: readonly RecordedStep[],
  raw: readonly Measured[],
  proxied: readonly Measured[],
): string {
  const rows = recorded.map(({ story, step }, at) => [
    story,
    step.kind,
    ...figures(raw[at]),
    ...figures(proxied[at]),
  ]);
  const total = (all: readonly Measured[]) => [
    "",
    ...(["cached", "evaluated"] as const).map((key) => sum(all, key)),
  ];
  const head = ["", "", "raw:", "cached", "evaluated", "proxied:", "cached", "evaluated"];
  return `\n${title}\n${table(head, [...rows, ["all", "", ...total(raw), ...total(proxied)]])}\n`;
}

/** The status only where it is not as it should be. */
function figures({ status, cached, evaluated }: Measured = { status: 0, prompt: "", answer: "" }) {
  return [status === 200 ? "" : `HTTP ${status}`, cached, evaluated];
}

function sum(all: readonly Measured[], key: "cached" | "evaluated"): number {
  return all.reduce((total, one) => total + (one[key] ?? 0), 0);
}
