import { describe, expect, test } from "bun:test";
import { MemberPaths, MemberReader } from "../../src/usage/members.ts";
import { property, type Random, seeded } from "../support/seeded.ts";
import { cuts } from "./pieces.ts";

const WANTED = new MemberPaths(["usage", "message.usage", "type", "n"]);

function read(chunks: readonly Uint8Array[]): [string, unknown][] {
  const found: [string, unknown][] = [];
  const reader = new MemberReader(WANTED, (path, value) => void found.push([path, value]));
  for (const chunk of chunks) reader.push(chunk, 0, chunk.length);
  return found;
}

function expectMembers(text: string, want: [string, unknown][]): void {
  for (const chunks of cuts(Buffer.from(text), seeded(11))) expect(read(chunks)).toEqual(want);
}

describe("members are found however the text is cut", () => {
  const long = "x".repeat(5000);
  const cases: { name: string; text: string; want: [string, unknown][] }[] = [
    {
      name: "at the top",
      text: '{"usage":{"a":1,"b":[1,{"c":"}"}]}}',
      want: [["usage", { a: 1, b: [1, { c: "}" }] }]],
    },
    {
      name: "one level down",
      text: '{"message":{"id":"x","usage":{"a":1}}}',
      want: [["message.usage", { a: 1 }]],
    },
    {
      name: "scalars before a comma and before a bracket",
      text: '{ "n" : 1.5e3 , "type" : "a\\"b" }',
      want: [
        ["n", 1500],
        ["type", 'a"b'],
      ],
    },
    { name: "not in deeper objects", text: '{"a":{"usage":1,"b":{"usage":2}}}', want: [] },
    { name: "not in arrays", text: '[{"usage":1},{"n":2}]', want: [] },
    { name: "not in an array below", text: '{"message":[{"usage":1}],"n":2}', want: [["n", 2]] },
    { name: "not in strings", text: '{"content":"\\"usage\\":{\\"a\\":1},\\"n\\":1"}', want: [] },
    { name: "not where a value has its name", text: '{"a":"usage","b":["n",1]}', want: [] },
    { name: "a string of backslashes", text: '{"a":"\\\\","n":1}', want: [["n", 1]] },
    { name: "a value that is too long is given up", text: `{"type":"${long}","n":1}`, want: [["n", 1]] },
    {
      name: "a name that is too long is not the one before it",
      text: `{"usage":1,"${long}":2}`,
      want: [["usage", 1]],
    },
    { name: "multibyte text", text: '{"a":"🦙","type":"żółć"}', want: [["type", "żółć"]] },
    { name: "what is not JSON", text: '}}]{"usage":}{"n"::,,"type":nul', want: [] },
    { name: "a text that is cut off", text: '{"usage":{"a":1}', want: [] },
  ];
  for (const { name, text, want } of cases) test(name, () => expectMembers(text, want));
});

property("random JSON gives the members that JSON.parse gives", 2000, (random) => {
  const value = randomObject(random, 4);
  const text = JSON.stringify(value, null, random.chance(0.3) ? 1 : 0);
  for (const chunks of cuts(Buffer.from(text), random)) {
    expect({ text, found: Object.fromEntries(read(chunks)) }).toEqual({ text, found: expected(value) });
  }
});

test("after a reset a new text begins, wherever the old one stopped", () => {
  for (const stopped of ['{"usage":{"a', '{"usage":[1', '{"us', '{"a":"\\', '{"a":{"b":[']) {
    const found: [string, unknown][] = [];
    const reader = new MemberReader(WANTED, (path, value) => void found.push([path, value]));
    const push = (text: string): void => reader.push(Buffer.from(text), 0, text.length);
    push(stopped);
    reader.reset();
    push('{"n":1}');
    expect(found).toEqual([["n", 1]]);
  }
});

type Json = { [name: string]: unknown };

function randomObject(random: Random, depth: number): Json {
  const names = ["usage", "message", "type", "n", "other", "ünïcode", 'qu"ote', "back\\slash", ""];
  return Object.fromEntries(random.some(0, 5, () => [random.pick(names), randomValue(random, depth - 1)]));
}

function randomValue(random: Random, depth: number): unknown {
  const scalars = [null, true, -1.5, 0, "", "usage", '{"usage":1}', "a,b}]", '\\"', "🦙\n\t"];
  if (depth > 0 && random.chance(0.3)) return randomObject(random, depth);
  if (depth > 0 && random.chance(0.15)) return random.some(0, 3, () => randomValue(random, depth - 1));
  return random.pick(scalars);
}

/** What a reading of the whole would pick out. */
function expected(value: Json): Json {
  const found: Json = {};
  for (const name of ["usage", "type", "n"]) if (Object.hasOwn(value, name)) found[name] = value[name];
  const message = value.message;
  const inner = typeof message === "object" && message !== null && !Array.isArray(message);
  if (inner && Object.hasOwn(message, "usage")) found["message.usage"] = (message as Json).usage;
  return found;
}
