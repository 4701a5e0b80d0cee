import { describe, expect } from "bun:test";
import { type Json, randomJson, randomText, serialize } from "../../support/json.ts";
import { property, type Random, seeded } from "../../support/seeded.ts";
import { FOLD, HEADER_ONLY, OPENAI, RESPONSES, rewriteChecked, withConstantHeader } from "../checked.ts";

describe.each([
  ["Anthropic's shape", HEADER_ONLY],
  ["OpenAI's shape", OPENAI],
  ["the shape of the Responses API", RESPONSES],
] as const)("%s", (_, context) => {
  property("only the headers in the right places become constant; all other bytes stay", 3_000, (random) => {
    const value = randomBody(random);
    const want = withConstantHeader(value, context) as Json;
    const seed = random.below(2 ** 31);
    expect(rewritten(written(value, seed), context)).toBe(written(want, seed));
  });
});

property("two bodies that differ only in their headers become identical", 1_000, (random) => {
  const prompts = random.some(1, 3, () => prompt(random));
  const rest = randomObject(random);
  const seed = random.below(2 ** 31);
  const one = () => {
    const blocks = prompts.map((text) => ({ type: "text", text: `${soundHeader(random)}${text}` }));
    return rewritten(written({ ...rest, system: blocks }, seed), HEADER_ONLY);
  };
  expect(one()).toBe(one());
});

property("a body truncated anywhere is unchanged", 1_000, (random) => {
  const whole = Buffer.from(written(randomBody(random), random.below(2 ** 31)).trim());
  const cut = whole.subarray(0, random.below(whole.length));
  for (const context of [HEADER_ONLY, OPENAI, FOLD]) {
    expect(rewriteChecked(cut, context).body === cut).toBe(true);
  }
});

// --- internal ---

const NAME = "x-anthropic-billing-header:";

/** Never written with escapes: headers, and the types and roles of the places where a header may be. */
const PLAIN = new Set(["text", "input_text", "system", "developer"]);

function written(value: Json, seed: number): string {
  return serialize(value, seeded(seed), (text) => PLAIN.has(text) || text.startsWith(NAME));
}

function rewritten(text: string, context: typeof FOLD): string {
  return Buffer.from(rewriteChecked(text, context).body).toString();
}

/** Members that matter and others, in any order. */
function randomBody(random: Random): Json {
  const members: [string, Json][] = Object.entries(randomObject(random));
  if (random.chance(0.6)) members.push(["system", content(random)]);
  if (random.chance(0.8)) members.push(["messages", random.some(0, 3, () => message(random))]);
  if (random.chance(0.3)) members.push(["instructions", text(random)]);
  if (random.chance(0.3)) members.push(["input", random.some(0, 3, () => message(random))]);
  return Object.fromEntries(members.toSorted(() => random.next() - 0.5));
}

function randomObject(random: Random): Record<string, Json> {
  return Object.fromEntries(
    random.some(0, 4, () => [
      key(random),
      randomJson(
        random,
        4,
        () => key(random),
        () => text(random),
      ),
    ]),
  );
}

function message(random: Random): Json {
  const role = random.pick(["system", "developer", "user", "assistant"]);
  return random.chance(0.9) ? { role, content: content(random) } : { content: content(random) };
}

function content(random: Random): Json {
  if (random.chance(0.4)) return text(random);
  return random.some(0, 3, () => {
    if (random.chance(0.1))
      return randomJson(
        random,
        3,
        () => key(random),
        () => text(random),
      );
    return { type: random.pick(["text", "text", "input_text", "image"]), text: text(random) };
  });
}

function key(random: Random): string {
  const known = ["system", "messages", "role", "content", "text", "type", "tools", "model", "stream"];
  return random.chance(0.7) ? random.pick(known) : randomText(random);
}

function text(random: Random): string {
  if (random.chance(0.5)) return randomText(random);
  return (
    random.pick(["", "", "", " ", "See "]) +
    header(random) +
    random.pick([";", ";", "", "\n"]) +
    prompt(random)
  );
}

/** Fields as some version may send them. */
function soundHeader(random: Random): string {
  const further = random.some(
    0,
    3,
    () => ` ${random.pick(["cch", "cc_new", "x-new"])}=${random.below(1e6)};`,
  );
  return `${NAME} cc_version=2.1.${random.below(400)};${further.join("")}`;
}

/** A header, or nearly one, without its last semicolon. */
function header(random: Random): string {
  const fields = random.some(0, 5, () => {
    const blanks = random.pick([" ", " ", "", "  "]);
    const name = random.pick([
      "cc_version",
      "cc_entrypoint",
      "cch",
      "cc_is_subagent",
      "x-new",
      "tier",
      "Cc",
      "",
    ]);
    return `${blanks}${name}=${random.pick(["2.1.330.803", "cli", "f5645", "true", "", "a b", 'q"'])}`;
  });
  return NAME + fields.join(";");
}

function prompt(random: Random): string {
  return (
    random.pick(["", "You are", "\n\nYou are", " a=b; c", "cc=1;", "cc is a compiler;", '"', "\\n"]) +
    randomText(random)
  );
}
