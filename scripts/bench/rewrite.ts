/**
 * How fast bodies are rewritten, beside parsing and writing them anew: `bun scripts/bench/rewrite.ts [--seed N]`.
 * The ways take turns within one run, so that what else the machine does hits all of them alike.
 *
 * @module
 */
import { cpus, release, type } from "node:os";
import { parseArgs } from "node:util";
import { type RewriteContext, rewrite } from "../../src/rewrite/rewrite.ts";
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

const header: RewriteContext = { path: "/v1/messages", systemTurns: "keep" };
const turns: RewriteContext = { ...header, systemTurns: "fold" };
const all: RewriteContext = { ...turns, toolOrder: ["Bash", "Read", "Task"] };

const WAYS: readonly (readonly [string, () => unknown])[] = [
  ["JSON.parse + JSON.stringify, bytes to bytes", () => parsedAndWritten(body)],
  ["header only", () => rewrite(body, header)],
  ["header and turns", () => rewrite(body, turns)],
  ["header, turns and tools", () => rewrite(body, all)],
  ["no header in the body: no edit", () => rewrite(without, header)],
  ["copying the body", () => copied(body)],
];

for (let round = 0; round < WARM_UP; round++) for (const [, run] of WAYS) run();
const times = WAYS.map((): number[] => []);
for (let round = 0; round < ROUNDS; round++) {
  WAYS.forEach(([, run], way) => {
    times[way]!.push(millisecondsOf(run));
  });
}
print();

// --- internal ---

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
    `body: ${body.length} bytes, ${count(body, '\\"')} escaped and ${count(body, '"')} quotes in all`,
  );
  console.log(
    `${ROUNDS} rounds, milliseconds: fastest / median / 90th of 100, and how many times the first fits into the median`,
  );
  const [baseline] = times.map(median);
  WAYS.forEach(([name], way) => {
    const sorted = times[way]!.toSorted((a, b) => a - b);
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
