/** The cost of tools that ToolSearch loads in mid-session: in the client's order, and with the new ones last. */
import { afterAll, expect, test } from "bun:test";
import { claudeCode } from "./setup/claude-code.ts";
import type { ModelKind } from "./setup/models.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { Recorded } from "./support/recording.ts";
import { type Measured, replayAll } from "./support/replay.ts";
import { stepsOf } from "./support/steps.ts";
import { recordStory, toolSearch, toolsUpFront } from "./support/stories.ts";
import { table } from "./support/table.ts";
import { IS_WHOLE } from "./support/whole.ts";

const CASES: readonly { template: string; kind: ModelKind }[] = [
  { template: "Qwen3-Coder", kind: "dense" },
  { template: "Qwen3.5-4B", kind: "dense" },
  { template: "GLM-4.6", kind: "dense" },
  { template: "MiniMax-M2", kind: "dense" },
  { template: "Qwen3.5-4B", kind: "hybrid" },
];

const claude = await claudeCode("2.1.330");
const loading = await recordStory(toolSearch, claude);
const upFront = await recordStory(toolsUpFront, claude);
const loaded = stepsOf(loading).findIndex((step) => step.kind === "new tools");
const rows: (string | number | undefined)[][] = [];

/** Where time is short: a template that renders the system prompt first, one that renders the tools first, and a model that needs checkpoints. */
const CHOSEN = IS_WHOLE ? CASES : CASES.filter(({ template }) => template.startsWith("Qwen"));

for (const { template, kind } of CHOSEN) {
  test(`${template}, ${kind}: tools loaded in mid-session`, async () => {
    const [keep, stable] = await Promise.all([
      measure(loading, template, kind, "keep"),
      measure(loading, template, kind, "stable"),
    ]);
    const allTools = await measure(upFront, template, kind, "stable");
    const next = [keep[loaded]?.evaluated, stable[loaded]?.evaluated];
    rows.push([template, kind, ...next, ...[keep, stable, allTools].map(evaluatedIn)]);

    expect([...keep, ...stable, ...allTools].map((one) => one.status)).toEqual(Array(9).fill(200));
    const [clientOrder = 0, newLast = 0] = next;
    // A hybrid model can only go back to a checkpoint, and there is none among the tools.
    if (kind === "dense") expect(newLast).toBeLessThan(0.6 * clientOrder);
    else expect(evaluatedIn(allTools)).toBeLessThan(evaluatedIn(stable));
  }, 180_000);
}

afterAll(() => {
  const head = [
    "Evaluated tokens",
    "",
    "next: client order",
    "new ones last",
    "session: client order",
    "new ones last",
  ];
  console.log(`\n${table([...head, "ENABLE_TOOL_SEARCH=false"], rows)}\n`);
});

// --- internal ---

async function measure(
  requests: readonly Recorded[],
  template: string,
  kind: ModelKind,
  tools: "stable" | "keep",
): Promise<Measured[]> {
  await using server = await startLlamaServer(kind, `${template}.jinja`);
  await using proxy = await startProxy(server.origin, "--tools", tools);
  return await replayAll(requests, server, proxy.origin);
}

function evaluatedIn(session: readonly Measured[]): number {
  return session.reduce((total, { evaluated = 0 }) => total + evaluated, 0);
}
