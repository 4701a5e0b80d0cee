import { describe, expect, test } from "bun:test";
import { randomBody } from "../../scripts/fuzz/bodies.ts";
import { scan, textOf, Unscannable, type Value } from "../../src/rewrite/scan.ts";
import { type CompiledShape, compile, type Key, type Shape } from "../../src/rewrite/shape.ts";
import { type Json, randomJson, randomText, serialize } from "../support/json.ts";
import { property, type Random } from "../support/seeded.ts";

/** What was reported, as values: the bytes of each span are parsed. */
function read(bytes: Buffer, value: Value | undefined): unknown {
  if (value?.kind === "array") return value.items.map((item) => read(bytes, item));
  if (value?.kind === "object") {
    return Object.fromEntries(
      Object.entries(value.members).map(([key, member]) => [key, read(bytes, member)]),
    );
  }
  return value && JSON.parse(bytes.toString("utf8", value.start, value.end));
}

function scanned(text: string, shape: Shape): unknown {
  const bytes = Buffer.from(text);
  return read(bytes, scan(bytes, compile(shape)).root);
}

describe("reports what the shape asks for", () => {
  const each: Shape = { members: { a: { each: { members: { b: {} } } } } };
  test.each<[string, string, Shape, unknown]>([
    ["a member among others", '{"x":{"a":1},"a":2,"y":[3]}', { members: { a: {} } }, { a: 2 }],
    ["nothing that is missing", '{"x":1}', { members: { a: {} } }, {}],
    ["an empty object", " { } ", { members: { a: {} } }, {}],
    [
      "members of each element",
      '{"a":[{"b":1,"c":2},{"c":3},{"b":"4"}]}',
      each,
      { a: [{ b: 1 }, {}, { b: "4" }] },
    ],
    ["elements of another kind", '{"a":[1,"x",{"b":null}]}', each, { a: [1, "x", { b: null }] }],
    ["the first element only", '{"a":[true,2,3]}', { members: { a: { first: {} } } }, { a: [true] }],
    ["no elements if none are asked for", '{"a":[1,2]}', { members: { a: {} } }, { a: [] }],
    ["a value of another kind than expected", '{"a":"text"}', each, { a: "text" }],
    ["keys written with escapes", '{"\\u0061":1,"x\\"a":2}', { members: { a: {} } }, { a: 1 }],
    [
      "keys that every JavaScript object has",
      '{"__proto__":1,"toString":2}',
      { members: { toString: {} } },
      { toString: 2 },
    ],
    [
      "all forms of numbers",
      '{"a":[0,-0,1.5,1e9,-1.5E-3,2e+2]}',
      { members: { a: { each: {} } } },
      { a: [0, -0, 1.5, 1e9, -0.0015, 200] },
    ],
  ])("%s", (_, text, shape, want) => {
    expect(scanned(text, shape)).toEqual(want);
  });

  test("spans cover the value with its quotes or brackets, and no white space", () => {
    const bytes = Buffer.from('{ "a" : "é\\"" , "b" : [ 1 ] , "c" : -1 , "d" : {} }');
    const { members } = scan(bytes, compile({ members: { a: {}, b: {}, c: {}, d: {} } })).root;
    const covered = Object.values(members).map((value) => bytes.toString("utf8", value!.start, value!.end));
    expect(covered).toEqual(['"é\\""', "[ 1 ]", "-1", "{}"]);
  });

  property("finds the same as JSON.parse in random JSON", 2_000, (random) => {
    const key = () => random.pick(["a", "b", "ab", "c", "", 'q"', "\\", "/", "\n"]);
    const value = { a: randomJson(random, 5, key, () => randomText(random)), b: 1, [key()]: [] };
    const text = serialize(value, random, () => false);
    const shape = wholeShape(value);
    expect(scanned(text, shape)).toEqual(JSON.parse(text));
  });
});

describe("strings end where JSON says", () => {
  test.each([1, 2, 3, 4, 5, 11, 12, 13, 100])("with %d backslashes before a quote", (count) => {
    const inside = "\\".repeat(count) + (count % 2 === 0 ? "" : '"');
    for (const before of [
      "",
      "x",
      "x".repeat(9),
      "x".repeat(11),
      "x".repeat(12),
      "x".repeat(13),
      ..."x"
        .repeat(8)
        .split("")
        .map((_, more) => "x".repeat(28 + more)),
      "x".repeat(500),
    ]) {
      expect(scanned(`{"x":"${before}${inside}","a":1}`, { members: { a: {} } })).toEqual({ a: 1 });
    }
  });

  test("at any length", () => {
    for (let length = 0; length < 60; length++) {
      const text = `{"${"k".repeat(length)}":"${"v".repeat(length)}","a":"${"w".repeat(length)}"}`;
      expect(scanned(text, { members: { a: {} } })).toEqual({ a: "w".repeat(length) });
    }
  });
});

describe("a value that no shape asks for", () => {
  const NOTHING = compile({});
  const EVERYTHING = askingEverywhere(NAMES);
  const shape: Shape = { members: { a: {} } };
  test.each([
    ["a string", '"abc"'],
    ["an empty string", '""'],
    ["a string of quotes and backslashes", '"\\"\\\\\\"\\\\"'],
    ["an empty object", "{}"],
    ["an empty array", "[ ]"],
    ["nested containers", '{"a":[{"b":{}},[[]],"]}"],"c":{"d":"{"}}'],
    ["white space of all kinds", '{ "a"\t:\r[\n1 , "b" ,{ } ] }'],
    ["atoms", '[0,-1.5e+3,true,false,null,"x",10]'],
    ["strings only", '["a","b",["c","d"],"e"]'],
    ["bytes that are not ASCII", '["\xff"]'],
    [
      "twenty thousand objects",
      JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ i, s: `"${i}" \\` }))),
    ],
  ])("%s ends where JSON says", (_, value) => {
    expect(scanned(`{"x":${value},"a":1}`, shape)).toEqual({ a: 1 });
    expect(scanned(`{"a":[${value}],"x":${value} }`, shape)).toEqual({ a: [] });
    const bytes = Buffer.from(`{"x":"x","a":${value},"y":0}`);
    const { a } = scan(bytes, compile(shape)).root.members;
    expect(bytes.toString("utf8", a!.start, a!.end)).toBe(value);
  });

  test.each([
    ["nothing", ""],
    ["a string that does not end", '"abc'],
    ["a string that ends with an escaped quote", '"abc\\"'],
    ["an array that does not end", "[1,2"],
    ["a bracket of the other kind", "[1}"],
    ["a brace of the other kind", '{"a":1]'],
    ["a missing comma", '["a" "b"]'],
    ["a comma before the end", '["a",]'],
    ["a comma after the last member", '{"a":1,}'],
    ["a key that is not a string", "{1:2}"],
    ["a missing colon", '{"a" 1}'],
    ["a member without a value", '{"a":}'],
    ["two colons", '{"a"::1}'],
    ["an invalid literal", "[nul]"],
    ["a no-break space", "[\u00a01]"],
    ["a control character", "[\u00011]"],
  ])("is refused if it has %s", (_, value) => {
    expect(() => scanned(`{"x":${value},"a":1}`, shape)).toThrow(Unscannable);
    expect(() => scanned(`{"x":${value}`, shape)).toThrow(Unscannable);
  });

  test("may be at most 512 levels deep, and so may one that a shape asks for", () => {
    const each: Shape = { members: { a: { each: {} } } };
    for (const wanted of [shape, each]) {
      const deep = (levels: number) => `{"a":[${"[".repeat(levels - 2)}${"]".repeat(levels - 2)}]}`;
      expect(() => scanned(deep(512), wanted)).not.toThrow();
      expect(() => scanned(deep(513), wanted)).toThrow("nested deeper");
    }
  });

  property("is checked like one that a shape asks for", 1_000, (random) => {
    const bytes = random.chance(0.8) ? randomBody(random) : Buffer.from(randomJsonText(random));
    const cut = random.chance(0.8) ? bytes : bytes.subarray(0, random.below(bytes.length + 1));
    const [skipped, read] = [NOTHING, EVERYTHING].map((wanted) => problemIn(cut, wanted));
    if (!/duplicate key|invalid escapes/.test(read ?? "")) expect(skipped).toBe(read!);
  });
});

describe("refuses", () => {
  const shape: Shape = { members: { a: { each: { members: { b: {} } } } } };
  test.each([
    ["a key twice", '{"a":1,"a":2}', "duplicate key"],
    ["a key twice, once with escapes", '{"a":1,"\\u0061":2}', "duplicate key"],
    ["a key of an element twice", '{"a":[{"b":1,"b":1}]}', "duplicate key"],
    ["an array", "[]", "not a JSON object"],
    ["a string", '"a"', "not a JSON object"],
    ["nothing", "", "not a JSON object"],
    ["something after the object", "{} x", "expected the end at byte 3"],
    ["a missing colon", '{"a" 1}', "expected a colon at byte 5"],
    ["a missing comma", '{"a":1 "b":2}', "a comma or the end"],
    ["a comma before the end", '{"a":1,}', "expected a key at byte 7"],
    ["a comma before a bracket", '{"x":[1,]}', "expected a value at byte 8"],
    ["a bracket of the other kind", '{"x":[1}}', "a comma or the end"],
    ["a key that is not a string", "{1:2}", "a key"],
    ["a string that does not end", '{"x":"abc', "unterminated string"],
    ["a string that ends with an escaped quote", '{"x":"abc\\"}', "unterminated string"],
    ["a wanted key with half an escape", '{"\\u00":1}', "invalid escapes"],
    ["513 levels", `{"x":${"[".repeat(512)}${"]".repeat(512)}}`, "nested deeper"],
    ...[
      "01",
      "1.",
      ".5",
      "+1",
      "1e",
      "0x1",
      "NaN",
      "Infinity",
      "-",
      "True",
      "nul",
      "truex",
      "1 2",
      "undefined",
    ].map((atom) => [atom, `{"x":${atom}}`, "expected a"] as [string, string, string]),
  ])("%s", (_, text, reason) => {
    expect(() => scanned(text, shape)).toThrow(Unscannable);
    expect(() => scanned(text, shape)).toThrow(reason);
  });

  test("but accepts 512 levels", () => {
    const deep = `${"[".repeat(511)}${"]".repeat(511)}`;
    expect(scanned(`{"x":${deep},"a":1}`, shape)).toEqual({ a: 1 });
  });

  test("and has no byte of the body in the reason", () => {
    for (const text of ['{"secret" "secret"}', '{"a":secret}', '{"a":"\\secret"}secret', '{"a":"secret']) {
      expect(() => scanned(text, shape)).toThrow(expect.not.stringContaining("secret") as never);
    }
  });
});

describe("textOf", () => {
  const text = (inside: string | Uint8Array): string => {
    const bytes = Buffer.concat([Buffer.from('"'), Buffer.from(inside as string), Buffer.from('"')]);
    return textOf(bytes, { start: 0, end: bytes.length });
  };
  test("decodes escapes and UTF-8", () => {
    expect(text('a\\"\\u00e9é漢\\ud83d\\udc69👩')).toBe('a"éé漢👩👩');
    expect(text("\\ud800")).toBe("\ud800");
    expect(text("\ufeffa")).toBe("\ufeffa");
  });
  test.each<[string, string | Uint8Array]>([
    ["an invalid escape", "\\x"],
    ["half an escape", "\\u12"],
    ["a control character", "a\nb"],
    ["bytes that are not UTF-8", new Uint8Array([0xc3, 0x28])],
    ["a surrogate in UTF-8", new Uint8Array([0xed, 0xa0, 0x80])],
  ])("refuses %s", (_, inside) => {
    expect(() => text(inside)).toThrow(Unscannable);
  });
});

// --- internal ---

const NAMES = ["a", "b", "c", "x", "system", "messages", "role", "content", "type", "text", "tools", "name"];

/** Asks for members of these names and for all elements, at any depth. It contains itself, so `compile` cannot make it. */
function askingEverywhere(names: readonly string[]): CompiledShape {
  const keys: Key[] = [];
  const shape: CompiledShape = {
    keys,
    words: [],
    decides: false,
    get first() {
      return shape;
    },
    get each() {
      return shape;
    },
  };
  for (const text of names) keys.push({ text, bytes: Buffer.from(text), shape });
  return shape;
}

function problemIn(bytes: Buffer, shape: CompiledShape): string | undefined {
  try {
    scan(bytes, shape);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Random JSON with some strings far longer than the part of a string that is read byte by byte. */
function randomJsonText(random: Random): string {
  const key = () => random.pick(["a", "b", 'q"', "\\", ""]);
  const text = () => (random.chance(0.02) ? randomText(random).repeat(2_000) : randomText(random));
  const value = {
    a: random.some(0, 6, () => randomJson(random, 4, key, text)),
    c: randomJson(random, 5, key, text),
  };
  return serialize(value, random, () => false);
}

interface WholeShape {
  readonly members: Record<string, WholeShape>;
  each?: WholeShape;
}

/** A shape that asks for everything in a value; the elements of an array share one. */
function wholeShape(value: Json, shape: WholeShape = { members: {} }): WholeShape {
  if (Array.isArray(value)) {
    shape.each ??= { members: {} };
    for (const item of value) wholeShape(item, shape.each);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      shape.members[key] = wholeShape(member, shape.members[key]);
    }
  }
  return shape;
}
