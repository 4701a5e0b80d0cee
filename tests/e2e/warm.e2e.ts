/** Warm-ups: what a request costs when the time before it was used to evaluate what was known of it. */
import { afterAll, expect, test } from "bun:test";
import { MODEL_KINDS, type ModelKind } from "./setup/models.ts";
import type { Played } from "./support/duet.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { afterLoop, afterRestart, firstOfDay, type Start, tokensOf } from "./support/pauses.ts";
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

const TEMPLATE = "Qwen3.5-4B";

const rows: Cell[][] = [];
const restartRows: Cell[][] = [];
const startRows: Cell[][] = [];

for (const [template, kind] of CASES) {
  test(`${template}, ${kind}: after a tool loop, the next message evaluates little more than its own tokens`, async () => {
    const off = IS_WHOLE || rows.length === 0 ? await afterLoop(server(template, kind), "off") : undefined;
    const auto = await afterLoop(server(template, kind), "auto");
    const evaluated = auto.last.measured.evaluated;
    rows.push([`${template}, ${kind}`, auto.fresh, off?.last.measured.evaluated, evaluated, auto.warmed]);
    console.log(JSON.stringify(rows.at(-1)));
    expect(evaluated).toBeLessThanOrEqual(1.2 * auto.fresh + 100);
    if (off) expect(rolesOf(auto.last)).toEqual(rolesOf(off.last));
  }, 600_000);
}

/** A sliding-window model goes back to checkpoints, as a hybrid one does. */
for (const kind of MODEL_KINDS.filter((kind) => IS_WHOLE || kind !== "swa")) {
  test(`${kind}: after a restart of llama-server, the next message finds its conversation in the cache`, async () => {
    const off = IS_WHOLE ? await afterRestart(server(TEMPLATE, kind), "off") : undefined;
    const auto = await afterRestart(server(TEMPLATE, kind), "auto");
    restartRows.push([kind, tokensOf(auto), off?.evaluated, auto.evaluated]);
    expect(auto.evaluated).toBeLessThanOrEqual(0.05 * tokensOf(auto));
  }, 600_000);

  test(`${kind}: the first session of a day finds the start of its prompt in the cache`, async () => {
    const off = IS_WHOLE ? await firstOfDay(server(TEMPLATE, kind), "off") : undefined;
    const on = await firstOfDay(server(TEMPLATE, kind), "on");
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

function server(template: string, kind: ModelKind): Start {
  return () => startLlamaServer(kind, `${template}.jinja`);
}

function rolesOf({ request }: Played): string[] {
  const { messages } = JSON.parse(Buffer.from(request.body).toString()) as { messages: { role: string }[] };
  return messages.map(({ role }) => role);
}
