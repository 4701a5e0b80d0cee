/** Real sessions of Claude Code: only what costs the cache has a cause, and each such request has the right one. */
import { afterAll, expect, test } from "bun:test";
import { claudeCode } from "./setup/claude-code.ts";
import type { ModelKind } from "./setup/models.ts";
import { lastCause } from "./support/causes.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import { replay } from "./support/replay.ts";
import { type Step, stepsOf } from "./support/steps.ts";
import { modelSwitch, projectSwitch, recordStory, STORIES, type Story } from "./support/stories.ts";
import { type Cell, table } from "./support/table.ts";

const CASES: readonly { kind: ModelKind; template: string }[] = [
  { kind: "dense", template: "Qwen3-Coder" },
  { kind: "dense", template: "Qwen3.5-4B" },
];

/** The causes that a step may have; `undefined` is none. */
const ALLOWED: Readonly<Record<Step["kind"], readonly (string | undefined)[]>> = {
  first: ["first_request", "new_session", "new_project", undefined],
  "tool loop": [undefined],
  "new tools": ["tools_added"],
  "new words": ["thinking_dropped", undefined],
};

const claude = await claudeCode("2.1.330");
const rows: Cell[][] = [];

for (const { kind, template } of CASES) {
  test(`Claude Code 2.1.330 on ${template}, ${kind}`, async () => {
    await using server = await startLlamaServer(kind, `${template}.jinja`);
    const wrong: string[] = [];
    for (const [name, story] of Object.entries(STORIES)) {
      const requests = await recordStory(story, claude);
      await using proxy = await startProxy(server.origin, "--warm", "off");
      const steps = stepsOf(requests);
      for (const [index, request] of requests.entries()) {
        await replay(request, server, proxy.origin);
        const { cause, cached, evaluated } = await lastCause(proxy.origin);
        const step = steps[index]!.kind;
        rows.push([
          `${template}, ${kind}`,
          name,
          step,
          cached,
          evaluated,
          cause?.text,
          cause?.certain ? "proven" : "",
        ]);
        const isCompacted = name === "/compact" && step === "first" && index > 0;
        if (isCompacted ? cause?.id !== "compacted" : !ALLOWED[step].includes(cause?.id))
          wrong.push(`${name}, request ${index}, ${step}: ${cause?.id}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 300_000);
}

test("Claude Code 2.1.330 on another model, and in another project", async () => {
  await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja");
  // llama-server has one model, whatever its name: the prompt is the same, so that nothing is lost and nothing has to be explained.
  const switched = await causesOf(modelSwitch, server, "another model");
  expect(switched.filter((id) => id !== undefined)).toEqual(["first_request"]);
  const moved = await causesOf(projectSwitch, server, "another project");
  expect(moved.filter((id) => id !== undefined && !COLD.includes(id))).toEqual([]);
  expect(moved.filter((id) => id === "new_project").length).toBeLessThanOrEqual(1);
}, 300_000);

afterAll(() => {
  console.log(`\n${table(["Server", "Story", "Request", "cached", "evaluated", "cause", ""], rows)}\n`);
});

// --- internal ---

const COLD: readonly string[] = ["first_request", "new_session", "new_project"];

/** The cause of each request of a story, `undefined` for none. */
async function causesOf(story: Story, server: LlamaServer, name: string): Promise<(string | undefined)[]> {
  const causes: (string | undefined)[] = [];
  const requests = await recordStory(story, claude);
  await using proxy = await startProxy(server.origin, "--warm", "off");
  for (const request of requests) {
    await replay(request, server, proxy.origin);
    const { cause, cached, evaluated } = await lastCause(proxy.origin);
    rows.push([
      "Qwen3-Coder, dense",
      name,
      "",
      cached,
      evaluated,
      cause?.text,
      cause?.certain ? "proven" : "",
    ]);
    causes.push(cause?.id);
  }
  return causes;
}
