import { describe, expect, test } from "bun:test";
import { toolOrder } from "../../../src/rewrite/passes/tool-order.ts";
import { scan } from "../../../src/rewrite/scan.ts";
import { compile } from "../../../src/rewrite/shape.ts";
import { SessionMemory } from "../../../src/session/memory.ts";
import { remember } from "../../../src/session/tool-order.ts";
import { type Json, randomJson, randomText, serialize } from "../../support/json.ts";
import { property, type Random } from "../../support/seeded.ts";
import { applied, expectUnchanged, FOLD, OPENAI, rewriteAt, rewriteChecked } from "../checked.ts";

const tool = (name: string) =>
  `{"name":${JSON.stringify(name)},"description":"a tool","input_schema":{"name":"x"}}`;
const bodyOf = (...names: string[]) => `{"model":"m","tools":[${names.map(tool).join(",")}],"messages":[]}`;

/** The names of a body's tools, in order. */
const namesIn = (body: Uint8Array): string[] =>
  JSON.parse(Buffer.from(body).toString()).tools.map(({ name }: { name: string }) => name);

describe("tools are in the order in which they were first seen", () => {
  test.each([
    ["a new session: unchanged", [], ["b", "a"], ["b", "a"]],
    ["new ones last", ["a", "c"], ["a", "b", "c", "d"], ["a", "c", "b", "d"]],
    ["one that disappears", ["a", "b", "c"], ["a", "c"], ["a", "c"]],
    ["one that comes back", ["a", "b", "c"], ["c", "b"], ["b", "c"]],
    ["a subagent with fewer and its own", ["a", "b", "c"], ["z", "c", "a"], ["a", "c", "z"]],
    ["all moved", ["c", "b", "a"], ["a", "b", "c"], ["c", "b", "a"]],
    ["names with escapes and other scripts", ["é", 'q"'], ['q"', "é"], ["é", 'q"']],
    ["no tool", ["a"], [], []],
  ])("%s", (_, toolOrder, names, want) => {
    const result = rewriteChecked(bodyOf(...names), { ...FOLD, toolOrder });
    expect(Buffer.from(result.body).toString()).toBe(bodyOf(...want));
    expect(result.toolOrder).toEqual(want);
  });

  test("definitions are moved byte for byte, and the white space between them stays", () => {
    const body = '{"tools" : [ {"name":"b" , "n":1.0} ,\n\t{ "na\\u006de":"\\u0061"}  ]}';
    const { body: out, notes } = rewriteChecked(body, { ...FOLD, toolOrder: ["a", "b"] });
    expect(Buffer.from(out).toString()).toBe(
      '{"tools" : [ { "na\\u006de":"\\u0061"} ,\n\t{"name":"b" , "n":1.0}  ]}',
    );
    expect(notes).toEqual(["tools moved: a, b"]);
  });

  test("a tool seen under two spellings of its name is one tool", () => {
    const body = '{"tools":[{"name":"b"},{"name":"\\u0061"}]}';
    expect(rewriteChecked(body, { ...FOLD, toolOrder: ["a", "b"] }).toolOrder).toEqual(["a", "b"]);
  });
});

describe("unchanged", () => {
  const known = { ...FOLD, toolOrder: ["b", "a"] };
  test.each([
    ["in that order already", bodyOf("b", "a", "c")],
    ["no tools", '{"messages":[]}'],
    ["a name twice", bodyOf("a", "b", "a")],
    ["a name twice, once with escapes", '{"tools":[{"name":"a"},{"name":"\\u0061"},{"name":"b"}]}'],
    ["a tool without a name", '{"tools":[{"name":"a"},{"type":"x"},{"name":"b"}]}'],
    ["a name that is not a string", '{"tools":[{"name":"a"},{"name":1},{"name":"b"}]}'],
    ["a tool that is not an object", '{"tools":[{"name":"a"},"b",{"name":"b"}]}'],
    ["tools that are not an array", '{"tools":{"name":"a"}}'],
    ["a duplicate key tools", '{"tools":[{"name":"a"},{"name":"b"}],"tools":[]}'],
    ["a duplicate name in one tool", '{"tools":[{"name":"a","name":"c"},{"name":"b"}]}'],
    ["a body cut short", bodyOf("a", "b").slice(0, -1)],
    ["tools of a message", '{"messages":[{"role":"user","content":"","tools":[{"name":"a"},{"name":"b"}]}]}'],
  ])("%s", (_, body) => {
    expectUnchanged(body, known);
  });

  test("without an order, and in other APIs", () => {
    expect(expectUnchanged(bodyOf("a", "b"), FOLD).toolOrder).toEqual(["a", "b"]);
    expect(expectUnchanged(bodyOf("a", "b"), { ...OPENAI, toolOrder: ["b", "a"] }).toolOrder).toBeUndefined();
  });

  test("what cannot be ordered is not remembered", () => {
    expect(expectUnchanged(bodyOf("a", "a"), known).toolOrder).toBeUndefined();
    expect(expectUnchanged('{"messages":[]}', known).toolOrder).toBeUndefined();
  });
});

describe("tools that the history names as loaded come last, in its order", () => {
  const NAMES = ["Agent", "Bash", "NotebookEdit", "Read", "ToolSearch", "WebFetch", "Write"];
  const reference = (name: string) => ({ type: "tool_reference", tool_name: name });
  const results = (...names: string[]) => ({
    role: "user",
    content: [
      { type: "tool_result", tool_use_id: "a", content: "R" },
      { type: "tool_result", tool_use_id: "t", content: names.map(reference) },
    ],
  });
  const orderIn = (messages: readonly object[], toolOrder: readonly string[] | undefined, names = NAMES) => {
    const body = JSON.stringify({ tools: names.map((name) => ({ name })), messages });
    return namesIn(rewriteChecked(body, { ...FOLD, systemTurns: "keep", toolOrder }).body);
  };
  const PLAIN = ["Agent", "Bash", "Read", "ToolSearch", "Write"];

  test.each([
    ["an unknown session", []],
    ["no session", undefined],
  ])("%s", (_, toolOrder) => {
    expect(orderIn([results("WebFetch", "NotebookEdit")], toolOrder)).toEqual([
      ...PLAIN,
      "WebFetch",
      "NotebookEdit",
    ]);
    expect(orderIn([results("NotebookEdit"), results("WebFetch", "NotebookEdit")], toolOrder)).toEqual([
      ...PLAIN,
      "NotebookEdit",
      "WebFetch",
    ]);
    expect(orderIn([results("Gone")], toolOrder)).toEqual(NAMES);
  });

  test("only those that the client marks as deferred, if it marks any", () => {
    const tools = NAMES.map((name) => ({ name, ...(name === "WebFetch" && { defer_loading: true }) }));
    const body = JSON.stringify({ tools, messages: [results("Bash", "WebFetch", "Agent")] });
    expect(namesIn(rewriteChecked(body, FOLD).body)).toEqual([
      ...["Agent", "Bash", "NotebookEdit", "Read", "ToolSearch", "Write", "WebFetch"],
    ]);
    const others = body.replace("true", "false");
    expect(namesIn(rewriteChecked(others, FOLD).body)).toEqual([
      ...["NotebookEdit", "Read", "ToolSearch", "Write", "Bash", "WebFetch", "Agent"],
    ]);
  });

  test("as if the proxy had seen all requests of the session", () => {
    const [first, second] = [results("WebFetch", "NotebookEdit"), results("Monitor")];
    const all = ["Agent", "Bash", "Monitor", "NotebookEdit", "Read", "ToolSearch", "WebFetch", "Write"];
    const before = orderIn([], [], PLAIN);
    const between = orderIn([first], before);
    expect(orderIn([first, second], between, all)).toEqual(orderIn([first, second], [], all));
  });

  test("what is remembered comes before", () => {
    expect(orderIn([results("Bash", "WebFetch")], ["Write", "Bash"])).toEqual([
      ...["Write", "Bash", "Agent", "NotebookEdit", "Read", "ToolSearch", "WebFetch"],
    ]);
  });

  test("only references in tool results of the client count", () => {
    const said = { role: "assistant", content: [{ type: "tool_result", content: [reference("Bash")] }] };
    const text = { role: "user", content: [{ type: "text", text: "tool_reference" }, reference("Bash")] };
    expect(orderIn([said, text, { role: "user", content: "Hello" }], [])).toEqual(NAMES);
  });
});

describe("over a session of random requests", () => {
  property(
    "the same definitions, byte for byte; known ones keep their order, new ones come last",
    500,
    (random) => {
      const definitions = allTools(random);
      const memory = new SessionMemory();
      let before: string[] = [];
      for (let turn = 0; turn < 5; turn++) {
        const sent = definitions.filter(() => random.chance(0.6)).toSorted(() => random.next() - 0.5);
        const out = send(memory, "session", sent);
        expect(out.toSorted()).toEqual(sent.toSorted());
        const both = out.filter((definition) => before.includes(definition));
        expect(both).toEqual(before.filter((definition) => out.includes(definition)));
        before = [...before, ...out.filter((definition) => !before.includes(definition))];
        expect(memory.get("session").toolOrder?.map(({ name }) => name)).toEqual(before.map(nameIn));
      }
    },
  );

  property("added tools leave the earlier ones as a prefix", 500, (random) => {
    const definitions = allTools(random);
    const memory = new SessionMemory();
    const some = definitions.filter(() => random.chance(0.5));
    const first = send(memory, "session", some);
    const second = send(
      memory,
      "session",
      definitions.toSorted(() => random.next() - 0.5),
    );
    expect(second.slice(0, first.length)).toEqual(first);
  });

  property("two sessions do not mix", 200, (random) => {
    const definitions = allTools(random);
    const [alone, mixed] = [new SessionMemory(), new SessionMemory()];
    for (let turn = 0; turn < 4; turn++) {
      send(
        mixed,
        "other",
        definitions.toSorted(() => random.next() - 0.5),
      );
      const sent = definitions.filter(() => random.chance(0.7)).toSorted(() => random.next() - 0.5);
      expect(send(mixed, "session", sent)).toEqual(send(alone, "session", sent));
    }
  });

  property("edits are disjoint and in bounds", 300, (random) => {
    const bytes = Buffer.from(`{"tools":[${allTools(random).join(" ,")}]}`);
    const known = random.some(0, 8, () => `tool${random.below(8)}`);
    const document = scan(bytes, compile(toolOrder.needs));
    applied(bytes, toolOrder.run(document, { toolOrder: [...new Set(known)] }).edits);
  });
});

// --- internal ---

/** Definitions as JSON, all with different names. */
function allTools(random: Random): string[] {
  return random.some(0, 8, (index) => {
    const rest = randomJson(
      random,
      3,
      () => random.pick(["name", "tools", "x"]),
      () => randomText(random),
    );
    const members: [string, Json][] = [
      ["name", `tool${index}`],
      ["input_schema", rest],
    ];
    const definition = Object.fromEntries(random.chance(0.5) ? members : members.toReversed());
    return serialize(definition, random, () => false).trim();
  });
}

function nameIn(definition: string): string {
  return JSON.parse(definition).name;
}

/** The definitions in the order in which they are sent upstream; remembers the order. */
function send(memory: SessionMemory, session: string, definitions: readonly string[]): string[] {
  const body = Buffer.from(`{"tools":[${definitions.join(",")}]}`);
  const known = memory.get(session).toolOrder ?? [];
  const { body: out, toolOrder } = rewriteAt(body, {
    ...FOLD,
    toolOrder: known.map(({ name }) => name),
  });
  if (toolOrder) memory.update(session, { toolOrder: remember(known, toolOrder) });
  const byName = new Map(definitions.map((definition) => [nameIn(definition), definition]));
  const sent = namesIn(out).map((name) => byName.get(name)!);
  expect(Buffer.from(out).toString()).toBe(`{"tools":[${sent.join(",")}]}`);
  return sent;
}
