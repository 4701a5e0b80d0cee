/**
 * Mutated request bodies against the rewriting: `bun scripts/fuzz.ts [--runs N] [--seconds S] [--seed X]`. Ends after so
 * many runs or seconds, whichever comes first. Each run has a seed of its own: on a failure
 * `bun scripts/fuzz.ts --runs 1 --seed X` fails alike.
 *
 * What must hold of every body: nothing throws, the input is not written to, a second pass changes nothing. What is not
 * JSON in its structure goes out as the same array. What JSON.parse takes comes out as JSON, and differs in the
 * allowed places only, found anew in the parsed value.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type RewriteContext, rewrite } from "../src/rewrite/rewrite.ts";
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
  `seed ${first}: ${seen.runs} runs, ${seen.json} bodies of JSON, ${seen.edited} edited (${seen.editedNotJson} that JSON.parse refuses)`,
);

// --- internal ---

function oneRun(random: Random): void {
  const body = randomBody(random);
  const context = randomContext(random);
  const copy = Buffer.from(body);
  const out = rewrite(body, context);
  ensure(copy.equals(body), "the input was written to");
  ensure(!out.notes.join().includes("unexpected error"), `a pass broke: ${out.notes}`);
  const edited = out.body !== body;
  ensure(!edited || isSound(body), "edited, though the structure is no JSON");
  const again = rewrite(out.body, { ...context, toolOrder: out.toolOrder ?? context.toolOrder });
  ensure(again.body === out.body, "a second pass changed something");
  const value = parsed(body);
  if (value !== undefined) seen.json++;
  if (!edited) return;
  seen.edited++;
  if (value === undefined) {
    seen.editedNotJson++;
    return;
  }
  const difference = forbiddenDifference(value, parsed(out.body), context);
  ensure(difference === undefined, `not to be changed: ${difference}`);
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

/** Whether a body is JSON when only the places of its strings count, not what is in them: an object without its strings parses. */
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

function randomContext(random: Random): RewriteContext {
  return {
    path: random.pick(["/v1/messages", "/v1/messages", "/v1/messages", "/v1/chat/completions"]),
    systemTurns: random.pick(["fold", "fold", "keep"]),
    strictAlternation: random.chance(0.5),
    toolOrder: random.pick([undefined, [], ["b", "a"], ["c", "b", "a"]]),
  };
}
