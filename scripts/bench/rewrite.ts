/**
 * How fast bodies are rewritten, beside JSON.parse + JSON.stringify, a plain regex and copying: `bun scripts/bench/rewrite.ts [seed]`.
 * The variants take turns within one run, so that other load on the machine affects all of them equally.
 *
 * @module
 */
import type { RewriteSettings } from "../../src/rewrite/pass.ts";
import { CONSTANT_HEADER } from "../../src/rewrite/passes/billing-header.ts";
import { readBody, rewrite } from "../../src/rewrite/rewrite.ts";
import { at, machine, printTable, round, type Summary } from "./figures.ts";
import { claudeCodeBody } from "./fixtures.ts";

const MEGABYTES = [0.1, 0.6, 2, 20];
/** A round of the largest body takes half a second. */
const BUDGET_MS = 15_000;
const HEADER = "x-anthropic-billing-header: cc_version=2.1.330.803; cc_entrypoint=cli;";

const HEADER_ONLY: RewriteSettings = { systemTurns: "keep", tools: "keep", projectParagraphs: "keep" };
const TURNS_AND_TOOLS: RewriteSettings = { ...HEADER_ONLY, systemTurns: "fold", tools: "stable" };
const EVERYTHING: RewriteSettings = { ...TURNS_AND_TOOLS, projectParagraphs: "move" };

/** Prints a row per size with median milliseconds, and how often the rewriting fits into parsing and writing; returns the figures. */
export function benchRewrite(seed: number): Summary {
  console.log(machine());
  console.log(`command: bun scripts/bench/rewrite.ts ${seed}; milliseconds, medians`);
  const summary: Record<string, Record<string, number>> = {};
  for (const megabytes of MEGABYTES) {
    const size = { seed, bytes: megabytes * 1e6 };
    const [body, without] = [claudeCodeBody({ ...size, header: HEADER }), claudeCodeBody(size)];
    summary[`${megabytes} MB`] = measure(body, without);
  }
  printTable(summary);
  return summary;
}

// --- internal ---

function measure(body: Buffer, without: Buffer): Record<string, number> {
  const variants: Readonly<Record<string, () => unknown>> = {
    parse_stringify: () => parsedAndWritten(body),
    regex: () => replacedByRegex(body),
    header: () => rewritten(body, HEADER_ONLY),
    header_turns_tools: () => rewritten(body, TURNS_AND_TOOLS),
    everything: () => rewritten(body, EVERYTHING),
    no_edit: () => rewritten(without, HEADER_ONLY),
    copy: () => copied(body),
  };
  const times = new Map(Object.keys(variants).map((name) => [name, [] as number[]]));
  const until = performance.now() + BUDGET_MS;
  for (let round = 0; performance.now() < until && round < 1_000; round++)
    for (const [name, run] of Object.entries(variants)) times.get(name)!.push(millisecondsOf(run));
  // The first half warms the engine up.
  const medians = [...times].map(([name, all]) => [name, at(all.slice(all.length >> 1), 0.5)] as const);
  const of = Object.fromEntries(medians);
  return {
    ...Object.fromEntries(medians.map(([name, ms]) => [`${name}_ms`, round(ms)])),
    times_header: round(of.parse_stringify! / of.header!),
    times_header_turns_tools: round(of.parse_stringify! / of.header_turns_tools!),
    times_everything: round(of.parse_stringify! / of.everything!),
  };
}

function rewritten(bytes: Buffer, settings: RewriteSettings): Uint8Array {
  return rewrite(readBody(bytes, "anthropic", settings), { toolOrder: ["Bash", "Read", "Task"] }).body;
}

function parsedAndWritten(bytes: Buffer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(bytes))));
}

/** What a few lines of code do. It also replaces the words where someone only talks about the header. */
function replacedByRegex(bytes: Buffer): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  return new TextEncoder().encode(text.replace(/x-anthropic-billing-header:[^"\\]*/, CONSTANT_HEADER));
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

if (import.meta.main) benchRewrite(Number(process.argv[2] ?? 1));
