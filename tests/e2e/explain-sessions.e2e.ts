/** Real sessions of Claude Code: only what costs the cache has a cause, and each such request has the right one. */
import { afterAll, expect, test } from "bun:test";
import { claudeCode } from "./setup/claude-code.ts";
import type { ModelKind } from "./setup/models.ts";
import { lastCause } from "./support/causes.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { Recorded } from "./support/recording.ts";
import { replay } from "./support/replay.ts";
import { type Step, stepsOf } from "./support/steps.ts";
import { LATE_STORIES, modelSwitch, projectSwitch, recordStory, STORIES } from "./support/stories.ts";
import { type Cell, table } from "./support/table.ts";

const CASES: readonly { kind: ModelKind; template: string }[] = [
  { kind: "dense", template: "Qwen3-Coder" },
  { kind: "dense", template: "Qwen3.5-4B" },
];

/** The causes that a request may have. */
type Expected = readonly (string | undefined)[];

const NONE: Expected = [undefined];
const COLD: Expected = ["first_request", "new_session", "new_project", undefined];

const EXPECTED: Readonly<Record<Step["kind"], Expected>> = {
  first: COLD,
  "tool loop": NONE,
  "new tools": ["tools_added"],
  "new words": ["thinking_dropped", undefined],
};

interface Row {
  readonly cells: readonly Cell[];
  readonly isRight: boolean;
  readonly isPlain: boolean;
  readonly isProven: boolean;
}

const claude = await claudeCode("2.1.330");
const newest = await claudeCode("newest");
const rows: Row[] = [];

for (const { kind, template } of CASES) {
  test(`Claude Code 2.1.330 on ${template}, ${kind}`, async () => {
    await using server = await startLlamaServer(kind, `${template}.jinja`);
    const wrong: string[] = [];
    for (const [name, story] of Object.entries({ ...STORIES, ...LATE_STORIES })) {
      const requests = await recordStory(story, claude);
      wrong.push(
        ...(await explain(`${template}, ${kind}`, name, requests, server, expectedOf(requests, name))),
      );
    }
    expect(wrong).toEqual([]);
  }, 300_000);
}

test(`Claude Code ${newest.version} whose MCP server connects late`, async () => {
  await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja");
  const wrong: string[] = [];
  for (const [name, story] of Object.entries(LATE_STORIES)) {
    const requests = await recordStory(story, newest);
    // The server was late, or this shows nothing.
    expect(Buffer.from(requests[0]!.body).toString()).not.toContain("mcp__late__lift");
    expect(Buffer.from(requests.at(-1)!.body).toString()).toContain("mcp__late__lift");
    wrong.push(...(await explain(newest.version, name, requests, server, expectedOf(requests, name))));
  }
  expect(wrong).toEqual([]);
}, 300_000);

test("Claude Code 2.1.330 on another model, and in another project", async () => {
  await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja");
  const where = "Qwen3-Coder, dense";
  // llama-server has one model, whatever its name: the prompt is the same, so that nothing is lost and nothing has to be explained.
  const switched = await recordStory(modelSwitch, claude);
  const once = switched.map((_, index) => (index === 0 ? ["first_request"] : NONE));
  expect(await explain(where, "another model", switched, server, once)).toEqual([]);
  const moved = await recordStory(projectSwitch, claude);
  const cold = stepsOf(moved).map(({ kind }) => (kind === "first" ? COLD : NONE));
  expect(await explain(where, "another project", moved, server, cold)).toEqual([]);
}, 300_000);

afterAll(() => {
  const head = ["Server", "Story", "Request", "cached", "evaluated", "expected", "cause", "", ""];
  console.log(
    `\n${table(
      head,
      rows.map(({ cells }) => cells),
    )}\n`,
  );
  const count = (some: readonly Row[]) => `${some.filter(({ isRight }) => isRight).length} of ${some.length}`;
  const wronglyProven = rows.filter(({ isRight, isProven }) => !isRight && isProven);
  console.log(
    `right: ${count(rows.filter(({ isPlain }) => !isPlain))} others, ${count(rows.filter(({ isPlain }) => isPlain))} plain turns without a cause; ${wronglyProven.length} wrong ones proven`,
  );
});

// --- internal ---

function expectedOf(requests: readonly Recorded[], story: string): Expected[] {
  return stepsOf(requests).map(({ kind }, index) =>
    story === "/compact" && kind === "first" && index > 0 ? ["compacted"] : EXPECTED[kind],
  );
}

/** Replays a story through a proxy, notes the cause of each request, and returns those that are wrong. */
async function explain(
  where: string,
  story: string,
  requests: readonly Recorded[],
  server: LlamaServer,
  expected: readonly Expected[],
): Promise<string[]> {
  const wrong: string[] = [];
  const steps = stepsOf(requests);
  await using proxy = await startProxy(server.origin, "--warm", "off");
  for (const [index, request] of requests.entries()) {
    await replay(request, server, proxy.origin);
    const { cause, cached, evaluated } = await lastCause(proxy.origin);
    const allowed = expected[index]!;
    const isRight = allowed.includes(cause?.id);
    const step = steps[index]!.kind;
    if (!isRight) wrong.push(`${story}, request ${index}, ${step}: ${cause?.id}`);
    const isProven = cause?.certain === true;
    const wanted = allowed.map((id) => id ?? "none").join(" or ");
    rows.push({
      cells: [
        ...[where, story, step, cached, evaluated],
        ...[wanted, cause?.text, isProven ? "proven" : "", isRight ? "" : "WRONG"],
      ],
      ...{ isRight, isPlain: allowed === NONE, isProven },
    });
  }
  return wrong;
}
