import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { assembled } from "../../scripts/assemble.ts";
import { randomBody } from "../../scripts/fuzz/bodies.ts";
import { HEADER_SHAPE } from "../../src/rewrite/billing-header.ts";
import { type Document, type Shape, scanWith } from "../../src/rewrite/scan.ts";
import { Skipper } from "../../src/rewrite/skip.ts";
import { SKIP_WASM } from "../../src/rewrite/skip-wasm.ts";
import { TOOLS_SHAPE } from "../../src/rewrite/tool-order.ts";
import { TURNS_SHAPE } from "../../src/rewrite/turns.ts";
import { randomJson, randomText, serialise } from "../support/json.ts";
import { property, type Random } from "../support/seeded.ts";

const ROOM = 512;

function skipperOver(bytes: Buffer): Skipper {
  const skipper = Skipper.over(bytes);
  if (!skipper)
    throw new Error("this processor or engine has no vectors for WebAssembly: nothing of this can be tested");
  return skipper;
}

/** Where the value that begins at byte `at` of the text ends. */
function endIn(text: string, at = 0, room = ROOM): number | undefined {
  const bytes = Buffer.from(text);
  return skipperOver(bytes).end(at, room);
}

test("the module that is carried is the one in skip.wat", async () => {
  const carried = await Bun.file(join(import.meta.dir, "../../src/rewrite/skip-wasm.ts")).text();
  expect(carried).toBe(await assembled());
});

describe("the end of a value", () => {
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
    ["bytes that are no UTF-8", '["\xff"]'],
  ])("%s", (_, value) => {
    expect(endIn(value)).toBe(Buffer.byteLength(value));
    // Whatever stands before and behind.
    expect(endIn(`"x":${value},"y`, 4)).toBe(4 + Buffer.byteLength(value));
    expect(endIn(`[${value}]`, 1)).toBe(1 + Buffer.byteLength(value));
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
    ["a comma behind the last member", '{"a":1,}'],
    ["a key that is no string", "{1:2}"],
    ["a missing colon", '{"a" 1}'],
    ["a member without a value", '{"a":}'],
    ["two colons", '{"a"::1}'],
    ["an atom that is none", "[nul]"],
    ["white space that is none", "[\u00a01]"],
    ["a control character", "[\u00011]"],
  ])("is none of %s", (_, text) => {
    expect(endIn(text)).toBeUndefined();
  });

  test("only as deep as there is room", () => {
    for (const room of [0, 1, 2, 512, 1_024]) {
      const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
      if (room > 0) expect(endIn(deep(room), 0, room)).toBe(2 * room);
      expect(endIn(deep(room + 1), 0, room)).toBeUndefined();
    }
  });

  test("whichever body was looked at before", () => {
    const [one, other] = ["[1,2,3]", '"longer than the other"'].map((text) => skipperOver(Buffer.from(text)));
    for (let times = 0; times < 3; times++) {
      expect(one!.end(0, ROOM)).toBe(7);
      expect(other!.end(0, ROOM)).toBe(23);
    }
  });

  test("of one value after another, forwards and backwards", () => {
    const values = ['"a"', "[1]", '{"b":"c"}', `"${"x".repeat(100_000)}"`, "[]"];
    const text = values.join(" ");
    const skipper = skipperOver(Buffer.from(text));
    const starts = values.map((_, index) => values.slice(0, index).join(" ").length + (index > 0 ? 1 : 0));
    for (const order of [values.keys().toArray(), values.keys().toArray().toReversed()]) {
      for (const index of order) {
        expect(skipper.end(starts[index]!, ROOM)).toBe(starts[index]! + values[index]!.length);
      }
    }
  });
});

/** As the module says, so that the border stays under test when it moves. */
const WINDOW = windowBytes();

describe("where one window ends and the next begins", () => {
  /** Everything that may lie across: escapes, runs of backslashes, keys, colons, brackets, atoms, white space. */
  const ACROSS = '{"a\\"":"\\\\\\\\","b" : [ -12.5e3 , true,{"c":"d\\\\\\"e"}],"f":"","g":{}}';

  test("at every byte of a value", () => {
    for (let into = 0; into <= ACROSS.length + 70; into++) {
      const before = `["${"x".repeat(WINDOW - 5 - into)}",`;
      const text = `${before}${ACROSS},"${"y".repeat(100)}"]`;
      expect(endIn(text)).toBe(text.length);
    }
  });

  test.each([1, 2, 3, 63, 64, 65, 127, 128, 129])("with a run of %d backslashes across", (count) => {
    for (let into = 0; into <= count + 2; into++) {
      const text = `["${"x".repeat(WINDOW - 2 - into)}${"\\".repeat(count)}${count % 2 ? '"' : ""}","z"]`;
      expect(endIn(text)).toBe(text.length);
    }
  });

  test("a body that ends there is no value", () => {
    for (const length of [WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW]) {
      expect(endIn(`"${"x".repeat(length - 1)}`)).toBeUndefined();
      expect(endIn(`["${"x".repeat(length - 4)}",`)).toBeUndefined();
    }
  });

  test("a value of many windows", () => {
    const text = JSON.stringify(
      Array.from({ length: 20_000 }, (_, index) => ({ index, text: `a "${index}" \\` })),
    );
    expect(endIn(text)).toBe(text.length);
    expect(endIn(text.slice(0, -1))).toBeUndefined();
  });
});

describe("with it and without it the same is found", () => {
  const SHAPES: readonly Shape[] = [
    {},
    { members: { a: { each: { members: { b: {} } } } } },
    { members: { ...HEADER_SHAPE, messages: TURNS_SHAPE, tools: TOOLS_SHAPE, model: {}, stream: {} } },
  ];

  function found(skipper: Skipper | undefined, bytes: Buffer, shape: Shape): Document | string {
    try {
      return scanWith(skipper, bytes, shape);
    } catch (error) {
      return (error as Error).message;
    }
  }

  function compare(bytes: Buffer, random: Random): void {
    const shape = random.pick(SHAPES);
    expect(found(skipperOver(bytes), bytes, shape)).toEqual(found(undefined, bytes, shape));
  }

  property("of mutated requests", 3_000, (random) => compare(randomBody(random), random));

  property("of mutated requests across the end of a window", 1_000, (random) => {
    const filler = `{"x":"${"x".repeat(WINDOW - random.below(400))}","y":`;
    compare(Buffer.concat([Buffer.from(filler), randomBody(random), Buffer.from("}")]), random);
  });

  property("of random JSON, whole and cut off", 1_000, (random) => {
    const key = () => random.pick(["a", "b", 'q"', "\\", ""]);
    const long = () => (random.chance(0.02) ? randomText(random).repeat(2_000) : randomText(random));
    const value = {
      a: random.some(0, 6, () => randomJson(random, 4, key, long)),
      c: randomJson(random, 5, key, long),
    };
    const bytes = Buffer.from(serialise(value, random, () => false));
    compare(bytes, random);
    compare(bytes.subarray(0, random.below(bytes.length)), random);
  });
});

// --- internal ---

function windowBytes(): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(SKIP_WASM, "base64")));
  return (exports.WINDOW_BYTES as WebAssembly.Global<"i32">).value;
}
