/**
 * Rewrites mutated request bodies: `bun scripts/fuzz.ts [--runs N] [--seconds S] [--seed X]`. Stops after this many runs or seconds,
 * whichever comes first. Each run has its own seed; after a failure, `bun scripts/fuzz.ts --runs 1 --seed X` repeats it.
 *
 * Must hold for every body: nothing throws, the input is not written to, a second rewriting changes nothing. A body whose structure
 * is not JSON goes out as the same array. A body that JSON.parse accepts comes out as JSON, and the parsed values differ
 * only where a pass may change them.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { replaceLoneSurrogates } from "../src/rewrite/surrogates.ts";
import { rewriteAt, type Setup } from "../tests/rewrite/checked.ts";
import type { Json } from "../tests/support/json.ts";
import { type Random, seeded } from "../tests/support/seeded.ts";
import { randomBody } from "./fuzz/bodies.ts";
import { forbiddenDifference } from "./fuzz/differences.ts";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "86400" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const first = Number(flags.seed);
const deadline = performance.now() + Number(flags.seconds) * 1_000;
const seen = { runs: 0, json: 0, edited: 0, editedNotJson: 0 };

for (; seen.runs < Number(flags.runs) && performance.now() < deadline; seen.runs++) {
  try {
    oneRun(seeded(first + seen.runs));
  } catch (error) {
    console.error(`bun scripts/fuzz.ts --runs 1 --seed ${first + seen.runs}`);
    throw error;
  }
}
console.log(
  `seed ${first}: ${seen.runs} runs, ${seen.json} JSON bodies, ${seen.edited} edited (${seen.editedNotJson} that JSON.parse rejects)`,
);

// --- internal ---

function oneRun(random: Random): void {
  const body = randomBody(random);
  const setup = randomSetup(random);
  const copy = Buffer.from(body);
  const out = rewriteAt(body, setup);
  ensure(copy.equals(body), "the input was written to");
  ensure(!out.notes.join().includes("internal error"), `a pass broke: ${out.notes}`);
  const edited = out.body !== body;
  ensure(!edited || isSound(body), "edited, although the structure is not JSON");
  const again = rewriteAt(out.body, { ...setup, toolOrder: out.toolOrder ?? setup.toolOrder });
  ensure(again.body === out.body, "a second pass changed something");
  const value = parsed(replaceLoneSurrogates(Buffer.from(body)).bytes);
  if (value !== undefined) seen.json++;
  if (!edited) return;
  seen.edited++;
  if (value === undefined) {
    seen.editedNotJson++;
    return;
  }
  const difference = forbiddenDifference(value, parsed(out.body), setup);
  ensure(difference === undefined, `must not change: ${difference}`);
}

function ensure(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

function parsed(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Whether a body is JSON apart from the insides of its strings: these are replaced before it is parsed. */
function isSound(bytes: Uint8Array): boolean {
  let key = 0;
  const skeleton = Buffer.from(bytes)
    .toString("latin1")
    .replace(/"(?:[^"\\]|\\[\s\S])*"/g, () => `"${key++}"`);
  try {
    JSON.parse(skeleton);
    return true;
  } catch {
    return false;
  }
}

function randomSetup(random: Random): Setup {
  return {
    api: random.pick(["anthropic", "anthropic", "anthropic", "openai", "responses"]),
    systemTurns: random.pick(["fold", "fold", "keep"]),
    tools: random.pick(["stable", "stable", "keep"]),
    projectParagraphs: random.pick(["move", "keep"]),
    vision: random.pick([undefined, true, false]),
    strictAlternation: random.chance(0.5),
    toolOrder: random.pick([undefined, [], ["b", "a"], ["c", "b", "a"]]),
  };
}
