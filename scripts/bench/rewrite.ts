/**
 * How fast bodies are rewritten, compared with JSON.parse + JSON.stringify: `bun scripts/bench/rewrite.ts [--seed N]`.
 * The variants take turns within one run, so that other load on the machine affects all of them equally.
 *
 * @module
 */
import { cpus, release, type } from "node:os";
import { parseArgs } from "node:util";
import type { RewriteContext, RewriteSettings } from "../../src/rewrite/pass.ts";
import { readBody, rewrite } from "../../src/rewrite/rewrite.ts";
import { claudeCodeBody } from "./fixtures.ts";

const ROUNDS = 200;
const WARM_UP = 600;
const MEGABYTES = 2;

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" } } });
const seed = Number(values.seed);
const size = { seed, bytes: MEGABYTES * 1e6 };
const body = claudeCodeBody({
  ...size,
  header: "x-anthropic-billing-header: cc_version=2.1.330.803; cc_entrypoint=cli;",
});
const without = claudeCodeBody(size);

const header: RewriteSettings = { systemTurns: "keep", tools: "keep" };
const turns: RewriteSettings = { ...header, systemTurns: "fold" };
const all: RewriteSettings = { ...turns, tools: "stable" };
const CONTEXT: RewriteContext = { toolOrder: ["Bash", "Read", "Task"] };

const VARIANTS: readonly (readonly [string, () => unknown])[] = [
  ["JSON.parse + JSON.stringify, bytes to bytes", () => parsedAndWritten(body)],
  ["header only", () => rewritten(body, header)],
  ["header and turns", () => rewritten(body, turns)],
  ["header, turns, and tools", () => rewritten(body, all)],
  ["no header in the body: no edit", () => rewritten(without, header)],
  ["copying the body", () => copied(body)],
];

for (let round = 0; round < WARM_UP; round++) for (const [, run] of VARIANTS) run();
const times = VARIANTS.map((): number[] => []);
for (let round = 0; round < ROUNDS; round++) {
  VARIANTS.forEach(([, run], variant) => {
    times[variant]!.push(millisecondsOf(run));
  });
}
print();

// --- internal ---

function rewritten(bytes: Buffer, settings: RewriteSettings): Uint8Array {
  return rewrite(readBody(bytes, "anthropic", settings), CONTEXT).body;
}

function parsedAndWritten(bytes: Buffer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(bytes))));
}

function copied(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

function millisecondsOf(run: () => unknown): number {
  const start = Bun.nanoseconds();
  run();
  return (Bun.nanoseconds() - start) / 1e6;
}

function print(): void {
  const [{ model } = { model: "unknown" }] = cpus();
  console.log(`machine: ${model} × ${cpus().length}, ${type()} ${release()}, bun ${Bun.version}`);
  console.log(`command: bun scripts/bench/rewrite.ts --seed ${seed}`);
  console.log(
    `body: ${body.length} bytes, ${count(body, '"')} quotes, of which ${count(body, '\\"')} escaped`,
  );
  console.log(
    `${ROUNDS} rounds, milliseconds: fastest / median / 90th percentile, and how many times faster than the first line`,
  );
  const [baseline] = times.map(median);
  VARIANTS.forEach(([name], variant) => {
    const sorted = times[variant]!.toSorted((a, b) => a - b);
    const figures = [sorted[0]!, median(sorted), sorted[Math.floor(ROUNDS * 0.9)]!].map((ms) =>
      ms.toFixed(3),
    );
    console.log(`${name.padEnd(46)}${figures.join(" / ")}   ×${(baseline! / median(sorted)).toFixed(1)}`);
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function count(bytes: Buffer, needle: string): number {
  return bytes.toString("latin1").split(needle).length - 1;
}
