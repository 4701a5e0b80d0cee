import { describe, expect, test } from "bun:test";
import { scan, type Value } from "../../src/rewrite/scan.ts";
import { compile, mergeShapes, type Shape } from "../../src/rewrite/shape.ts";
import { randomJson } from "../support/json.ts";
import { property, type Random } from "../support/seeded.ts";

function rootOf(text: string, shape: Shape): Value {
  return scan(Buffer.from(text), compile(shape)).root;
}

/** Everything reported, without places. */
function reported(value: Value | undefined): unknown {
  if (value?.kind === "array") return value.items.map(reported);
  if (value?.kind === "string") return value.word ?? "string";
  if (value?.kind !== "object") return value?.kind;
  return Object.fromEntries(Object.entries(value.members).map(([key, member]) => [key, reported(member)]));
}

describe("a merged shape", () => {
  const TURN: Shape = { members: { role: { words: ["user"], decides: true }, content: {} } };
  test.each<[string, Shape, Shape, string, unknown]>([
    [
      "reports the members of both",
      { members: { a: {} } },
      { members: { b: {} } },
      '{"a":1,"b":2,"c":3}',
      { a: "atom", b: "atom" },
    ],
    [
      "knows the words of both",
      { members: { a: { words: ["x"] }, b: { words: ["x"] } } },
      { members: { a: { words: ["y"] }, b: { words: ["y"] } } },
      '{"a":"x","b":"y"}',
      { a: "x", b: "y" },
    ],
    [
      "reports each element, and more of the first one",
      { members: { a: { each: { members: { b: {} } } } } },
      { members: { a: { first: { members: { c: {} } } } } },
      '{"a":[{"b":1,"c":2},{"b":3,"c":4}]}',
      { a: [{ b: "atom", c: "atom" }, { b: "atom" }] },
    ],
    [
      "decides if both do",
      TURN,
      { members: { role: { words: ["system"], decides: true }, content: {} } },
      '{"role":"tool","content":""}',
      { role: "string" },
    ],
    [
      "decides by the words of both",
      TURN,
      { members: { role: { words: ["system"], decides: true }, content: {} } },
      '{"role":"system","content":""}',
      { role: "system", content: "string" },
    ],
    [
      "does not decide if only one does",
      TURN,
      { members: { content: {} } },
      '{"role":"tool","content":""}',
      { role: "string", content: "string" },
    ],
    [
      "decides if the other has no members",
      TURN,
      { each: {} },
      '{"role":"tool","content":""}',
      { role: "string" },
    ],
    [
      "has members that every object has",
      { members: { toString: {} } },
      { members: { constructor: {} } },
      '{"toString":1,"constructor":2}',
      { toString: "atom", constructor: "atom" },
    ],
  ])("%s", (_, one, other, text, want) => {
    expect(reported(rootOf(text, mergeShapes(one, other)))).toEqual(want);
    expect(reported(rootOf(text, mergeShapes(other, one)))).toEqual(want);
  });

  property("reports everything that either shape reports", 1_000, (random) => {
    const [one, other] = [randomShape(random, 4), randomShape(random, 4)];
    const text = JSON.stringify({ a: randomValue(random), b: randomValue(random) });
    const merged = rootOf(text, mergeShapes(one, other));
    expectCovers(merged, rootOf(text, one));
    expectCovers(merged, rootOf(text, other));
  });

  property("of a shape with itself reports the same", 500, (random) => {
    const shape = randomShape(random, 4);
    const text = JSON.stringify({ a: randomValue(random), b: randomValue(random) });
    expect(rootOf(text, mergeShapes(shape, shape))).toEqual(rootOf(text, shape));
  });
});

// --- internal ---

const KEYS = ["a", "b", "c"];

function randomValue(random: Random) {
  const pick = () => random.pick(KEYS);
  return randomJson(random, 4, pick, pick);
}

function randomShape(random: Random, depth: number): Shape {
  const inner = () => randomShape(random, depth - 1);
  if (depth === 0) return {};
  const members = random.some(0, 3, () => [random.pick(KEYS), inner()] as const);
  return {
    members: Object.fromEntries(members),
    words: KEYS.filter(() => random.chance(0.5)),
    decides: random.chance(0.3),
    ...(random.chance(0.5) && { each: inner() }),
    ...(random.chance(0.5) && { first: inner() }),
  };
}

/** That `more` reports the same value as `less`, with all of its words, members, and elements. */
function expectCovers(more: Value | undefined, less: Value): void {
  expect(more).toMatchObject({ kind: less.kind, start: less.start, end: less.end });
  if (less.kind === "string" && less.word !== undefined) expect(more).toMatchObject({ word: less.word });
  if (less.kind === "array" && more?.kind === "array") {
    less.items.forEach((item, index) => {
      expectCovers(more.items[index], item);
    });
  }
  if (less.kind === "object" && more?.kind === "object") {
    for (const [key, member] of Object.entries(less.members)) expectCovers(more.members[key], member!);
  }
}
