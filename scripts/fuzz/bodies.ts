import { conversation } from "../../tests/support/conversation.ts";
import { type Json, randomJson, randomText, serialize } from "../../tests/support/json.ts";
import { type Random, seeded } from "../../tests/support/seeded.ts";

/** A request body in Anthropic's or OpenAI's shape, usually with mutations. */
export function randomBody(random: Random): Buffer {
  let body = fresh(random);
  for (let more = random.pick([0, 1, 1, 2, 4]); more > 0; more--) {
    const [start, end] = [random.below(body.length + 1), random.below(body.length + 1)].toSorted(
      (a, b) => a - b,
    );
    body = random.pick(MUTATIONS)(
      body,
      start!,
      random.chance(0.7) ? Math.min(end!, start! + 30) : end!,
      random,
    );
  }
  return body;
}

// --- internal ---

/** Making a body takes longer than rewriting it, so runs share 4 096 of them. Each is made from its number. */
const BODIES = new Map<number, Buffer>();
const MADE = 4_096;

function fresh(random: Random): Buffer {
  const number = random.below(MADE);
  const body = BODIES.get(number) ?? Buffer.from(written(seeded(number)));
  BODIES.set(number, body);
  return body;
}

type Mutation = (body: Buffer, start: number, end: number, random: Random) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (body, start, _, random) => replaced(body, start, start + 1, Buffer.of(random.below(256))),
  (body, start, _, random) => replaced(body, start, start + 1, Buffer.from(random.pick(TOKENS))),
  (body, start, _, random) => replaced(body, start, start, Buffer.from(random.pick(TOKENS))),
  (body, start, end) => replaced(body, start, end, Buffer.alloc(0)),
  (body, start, end) => replaced(body, end, end, body.subarray(start, end)),
  (body, start, _, random) => Buffer.concat([body.subarray(0, start), randomEnd(fresh(random), random)]),
  (body, start, end) => body.subarray(start, end),
  (body, start) => body.subarray(0, start),
  // Copies a member or an element to where another one begins: often still JSON.
  (body, start, end) => {
    const [from, to, at] = [start, end, body.length >> 1].map((place) => body.indexOf(",", place)) as [
      number,
      number,
      number,
    ];
    return from < 0 || to < from || at < 0 ? body : replaced(body, at, at, body.subarray(from, to));
  },
];

function replaced(body: Buffer, start: number, end: number, bytes: Buffer): Buffer {
  return Buffer.concat([body.subarray(0, start), bytes, body.subarray(end)]);
}

function randomEnd(body: Buffer, random: Random): Buffer {
  return body.subarray(random.below(body.length + 1));
}

const NAME = "x-anthropic-billing-header:";
const HEADER = `${NAME} cc_version=2.1.330.803; cc_entrypoint=cli;`;
const TOKENS = [
  ...[
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\u0000",
    "\u00e9",
    "0",
    "-",
    "null",
    "\\u0041",
    "\\ud800",
    '\\"',
  ],
  ...[
    '"system":',
    '"messages":',
    '"role":"system",',
    '"text":',
    '"content":',
    '"type":"tool_result",',
    `"${HEADER}"`,
    NAME,
  ],
  ...[
    "<system-reminder>",
    "</system-reminder>",
    "<total_tokens>1 tokens left</total_tokens>",
    "{}",
    "[]",
    '""',
  ],
];

function written(random: Random): string {
  const chat = conversation(random);
  random.some(0, 2, () => (random.chance(0.8) ? chat.grow() : chat.interrupt()));
  const members: [string, Json][] = [
    ["model", "m"],
    ["messages", random.chance(0.8) ? chat.request() : openAiMessages(random)],
    ["stream", true],
    ["tools", ["a", "b", "c"].filter(() => random.chance(0.8)).map((name) => ({ name, x: other(random) }))],
    [random.pick(["metadata", "system ", "tool"]), other(random)],
  ];
  if (random.chance(0.2)) members.push(["instructions", text(random)], ["input", openAiMessages(random)]);
  if (random.chance(0.8))
    members.push([
      "system",
      random.pick<Json>([text(random), [block(random), block(random)], prompt(random)]),
    ]);
  const value = Object.fromEntries(members.toSorted(() => random.next() - 0.5));
  if (random.chance(0.5)) return JSON.stringify(value);
  return serialize(value, random, (words) => words === "text" || words.startsWith(NAME));
}

/** Claude Code's system prompt, about a project. */
function prompt(random: Random): Json {
  const paragraphs = random.some(1, 6, () => random.pick([...PARAGRAPHS, text(random)]));
  return [{ type: "text", text: HEADER }, { type: "text", text: paragraphs.join("\n\n") }, block(random)];
}

const PARAGRAPHS = [
  "# Environment\n - Primary working directory: /w/d é\n - Platform: x",
  "# Memory",
  "It is at `/home/u/.claude/projects/-w-d--/memory/`.",
  "See /w/d é/a, not /w/d éé.",
  "```md\n# no heading",
  "gitStatus: clean",
];

function openAiMessages(random: Random): Json {
  const content = random.pick<Json>([text(random), [block(random)]]);
  return [
    { role: random.pick(["system", "developer", "user"]), content },
    { role: "user", content: text(random) },
  ];
}

function block(random: Random): Json {
  return {
    type: random.pick(["text", "text", "input_text", "image", "input_image", "document"]),
    text: text(random),
  };
}

function text(random: Random): string {
  return (
    random.pick(["", HEADER, HEADER, `${HEADER} cch=f5645;You are`, `See ${HEADER}`]) + randomText(random)
  );
}

function other(random: Random): Json {
  const key = () => random.pick(["system", "messages", "type", "text", "x"]);
  return randomJson(random, 3, key, () => text(random));
}
