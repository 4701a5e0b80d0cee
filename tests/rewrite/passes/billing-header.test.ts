import { describe, expect, test } from "bun:test";
import { billingHeader, CONSTANT_HEADER } from "../../../src/rewrite/passes/billing-header.ts";
import { scan } from "../../../src/rewrite/scan.ts";
import { compile } from "../../../src/rewrite/shape.ts";
import {
  applied,
  expectUnchanged,
  HEADER_ONLY,
  OPENAI,
  RESPONSES,
  rewriteChecked,
  rewrittenText,
  withConstantHeader,
} from "../checked.ts";

const NAME = "x-anthropic-billing-header:";
const HEADER = `${NAME} cc_version=2.1.330.803; cc_entrypoint=cli;`;

/** Every format seen on the wire, and variations: the header, and the prompt text after it. */
const FORMATS = [
  ["2.1.63", `${NAME} cc_version=2.1.63.a43; cc_entrypoint=sdk-cli; cch=00000;`, ""],
  ["2.1.119", `${NAME} cc_version=2.1.119.a1e; cc_entrypoint=cli; cch=f5645;`, ""],
  [
    "2.1.177, subagent",
    `${NAME} cc_version=2.1.177.681; cc_entrypoint=cli; cch=dc3eb; cc_is_subagent=true;`,
    "",
  ],
  ["2.1.232 and later", HEADER, ""],
  ["2.1.330, subagent", `${NAME} cc_version=2.1.330.421; cc_entrypoint=cli; cc_is_subagent=true;`, ""],
  [
    "string form, prompt right after",
    `${NAME} cc_version=2.1.101.e51; cc_entrypoint=cli; cch=a5145;`,
    "You are Claude Code.",
  ],
  [
    "prompt right after that begins like a field",
    `${HEADER} cch=a5145;`,
    "ccache is a compiler cache; cc=gcc is a variable",
  ],
  ["prompt after an empty line", HEADER, "\n\nYou are Claude Code."],
  ["prompt after a blank", HEADER, " You are Claude Code; be kind."],
  ["prompt with a quote right after", HEADER, '"Quoted" words'],
  ["unknown further fields", `${HEADER} cc_workload=cron; cc_new.thing=1;`, "You are"],
  ["unknown fields of another prefix", `${HEADER} x-region=eu-1; tier=max;`, "You are"],
  ["no version", `${NAME} cc_entrypoint=cli;`, ""],
  ["no entry point", `${NAME} cc_version=2.1.330.803;`, ""],
  ["fields in another order", `${NAME} cch=f5645; cc_entrypoint=vscode; cc_version=3.0.0.fff;`, ""],
  ["values beyond ASCII", `${NAME} cc_version=2.1; cc_workload=voil\u00e0\u00a0\u2028;`, "You are"],
  ["empty values", `${NAME} cc_version=; cc_entrypoint=;`, "You are"],
  ["last field without a semicolon at the end", `${NAME} cc_version=2.1.1.abc; cc_entrypoint=cli`, ""],
  ["last field without a semicolon before a line end", `${NAME} cc_version=2.1.1.abc`, "\nYou are"],
  ["no blanks", `${NAME}cc_version=2.1.1.abc;cc_entrypoint=cli;cch=00000;`, "You are"],
  ["more than one blank", `${NAME}   cc_version=2.1.1.abc;   cc_entrypoint=cli;`, ""],
  ["no field", NAME, ""],
  ["a blank instead of fields", `${NAME} `, "\nYou are"],
] as const;

describe("the header becomes constant", () => {
  for (const [name, header, prompt] of FORMATS) {
    const text = JSON.stringify(header + prompt).slice(1, -1);
    const constant = CONSTANT_HEADER + JSON.stringify(prompt).slice(1, -1);
    const places = (words: string): [string, string][] => [
      ["system as a string", `{"model":"m","system":"${words}","messages":[]}`],
      ["the first block", `{"system":[{"type":"text","text":"${words}"},{"type":"text","text":"More."}]}`],
      ["a later block", `{"system":[{"type":"text","text":"One."},{"text":"${words}","type":"text"}]}`],
      ["after the messages", `{"messages":[{"role":"user","content":"a \\"b\\" \\\\"}],"system":"${words}"}`],
      [
        "white space everywhere",
        ` {\n "system" :\t[ {\r\n "cache_control" : { "type" : "ephemeral" } , "type" : "text" , "text" : "${words}" } ]\n}\n`,
      ],
    ];
    test(name, () => {
      places(text).forEach(([place, body], index) => {
        const [, want] = places(constant)[index]!;
        const got = rewrittenText(body, HEADER_ONLY);
        expect(`${place}: ${got}`).toBe(`${place}: ${want}`);
        expect(JSON.parse(got)).toEqual(withConstantHeader(JSON.parse(body), HEADER_ONLY));
      });
    });
  }

  test("the constant stays: the array that came in goes out", () => {
    expectUnchanged(JSON.stringify({ system: CONSTANT_HEADER }), HEADER_ONLY);
    expectUnchanged(
      JSON.stringify({ system: [{ type: "text", text: `${CONSTANT_HEADER}You are` }] }),
      HEADER_ONLY,
    );
  });

  test("two requests that differ only in the header become identical", () => {
    const bodies = FORMATS.filter(([, , prompt]) => prompt === "").map(([, header]) =>
      rewrittenText(JSON.stringify({ system: [{ type: "text", text: header }], messages: [] }), HEADER_ONLY),
    );
    expect(new Set(bodies).size).toBe(1);
  });

  test("escapes in the keys and types do not hide it", () => {
    const body = `{"syst\\u0065m":[{"typ\\u0065":"text","te\\u0078t":"${HEADER}"}]}`;
    expect(rewrittenText(body, HEADER_ONLY)).toBe(body.replace(HEADER, CONSTANT_HEADER));
  });

  test("each header of several blocks", () => {
    const block = { type: "text", text: HEADER };
    const edits = rewriteChecked(JSON.stringify({ system: [block, block] }), HEADER_ONLY).notes;
    expect(edits).toEqual(["billing header made constant", "billing header made constant"]);
  });
});

describe("OpenAI's shape", () => {
  const openai = (role: string, content: unknown) =>
    JSON.stringify({
      model: "m",
      messages: [
        { role, content },
        { role: "user", content: HEADER },
      ],
    });

  for (const role of ["system", "developer"]) {
    test(`a leading ${role} message, string and parts`, () => {
      for (const content of [
        `${HEADER}You are`,
        [
          { type: "text", text: HEADER },
          { type: "text", text: "Hi" },
        ],
      ]) {
        const body = openai(role, content);
        expect(rewrittenText(body, OPENAI)).toBe(body.replace(HEADER, CONSTANT_HEADER));
      }
    });
  }

  test("also in Anthropic's API", () => {
    const body = openai("system", HEADER);
    expect(rewrittenText(body, HEADER_ONLY)).toBe(body.replace(HEADER, CONSTANT_HEADER));
  });

  test("not in another role, not in a later message, not without a role", () => {
    for (const role of ["user", "assistant", "tool", "System", "sys"])
      expectUnchanged(openai(role, HEADER), OPENAI);
    const later = [
      { role: "system", content: "a" },
      { role: "system", content: HEADER },
    ];
    expectUnchanged(JSON.stringify({ messages: later }), OPENAI);
    expectUnchanged(JSON.stringify({ messages: [{ content: HEADER }] }), OPENAI);
    expectUnchanged(JSON.stringify({ messages: { role: "system", content: HEADER } }), OPENAI);
  });

  test("a top-level system takes precedence", () => {
    const body = `{"messages":[{"role":"system","content":"${HEADER}"}],"system":"${HEADER}"}`;
    const at = body.lastIndexOf(HEADER);
    expect(rewrittenText(body, OPENAI)).toBe(`${body.slice(0, at)}${CONSTANT_HEADER}"}`);
  });
});

describe("the Responses API", () => {
  const item = (role: string, content: unknown) => ({ type: "message", role, content });
  const user = item("user", [{ type: "input_text", text: HEADER }]);
  test.each([
    ["instructions", { model: "m", instructions: `${HEADER}\nYou are`, input: HEADER }],
    ["a leading system item", { input: [item("system", HEADER), user] }],
    [
      "a leading developer item",
      { input: [item("developer", [{ type: "input_text", text: HEADER }]), user] },
    ],
    ["an item without a type", { input: [{ role: "system", content: HEADER }, user] }],
  ])("%s", (_, value) => {
    const body = JSON.stringify(value);
    expect(rewrittenText(body, RESPONSES)).toBe(body.replace(HEADER, CONSTANT_HEADER));
  });

  test.each([
    ["a user's item", { input: [user] }],
    ["a later item", { input: [item("system", "You are"), item("system", HEADER)] }],
    ["an input that is a string", { input: HEADER }],
    ["instructions that are not a string", { instructions: [HEADER] }],
  ])("not in %s", (_, value) => {
    expectUnchanged(JSON.stringify(value), RESPONSES);
  });

  test("not in other APIs", () => {
    const body = JSON.stringify({ instructions: HEADER, input: [item("system", HEADER)] });
    for (const setup of [HEADER_ONLY, OPENAI]) expectUnchanged(body, setup);
  });
});

describe("unchanged", () => {
  const user = (content: unknown) => ({ messages: [{ role: "user", content }], system: "You are" });
  const VALUES: [string, unknown][] = [
    ["a message", user(HEADER)],
    ["a block of a message", user([{ type: "text", text: HEADER }])],
    ["a tool result", user([{ type: "tool_result", tool_use_id: "1", content: HEADER }])],
    ["a block of a tool result", user([{ type: "tool_result", content: [{ type: "text", text: HEADER }] }])],
    [
      "a tool's input",
      { messages: [{ role: "assistant", content: [{ type: "tool_use", input: { system: HEADER } }] }] },
    ],
    [
      "a tool definition",
      { tools: [{ name: "system", description: HEADER, input_schema: { system: HEADER } }] },
    ],
    [
      "a nested key named system",
      { metadata: { system: HEADER }, messages: [{ role: "user", system: HEADER }] },
    ],
    ["the middle of a system text", { system: `See ${HEADER}` }],
    ["a second line of a system text", { system: [{ type: "text", text: `You are\n${HEADER}` }] }],
    ["a system text after a blank", { system: ` ${HEADER}` }],
    ["a block that is not text", { system: [{ type: "document", text: HEADER }, { text: HEADER }] }],
    ["a block's other member", { system: [{ type: "text", text: "You are", title: HEADER }] }],
    ["a text that is not a string", { system: [{ type: "text", text: [HEADER] }, [HEADER], null, 1] }],
    ["a system that is an object", { system: { type: "text", text: HEADER } }],
    ["prose about the header", { system: `${NAME} is a line that Claude Code sends` }],
    ["a longer name", { system: "x-anthropic-billing-header-2: cc_version=1;" }],
    ["the name in capitals", { system: HEADER.toUpperCase() }],
    ["a key of that name", { [HEADER]: 1, system: { [HEADER]: HEADER } }],
    ["a body that is an array", [{ system: HEADER }]],
    ["a body that is a string", HEADER],
  ];
  test.each(VALUES)("%s", (_, value) => {
    expectUnchanged(JSON.stringify(value), HEADER_ONLY);
    expectUnchanged(JSON.stringify(value, null, 2), HEADER_ONLY);
    expect(withConstantHeader(value, HEADER_ONLY)).toEqual(value);
  });

  const BODIES: [string, string][] = [
    ["a header written with escapes", `{"system":"x-anthropic-billing-header\\u003a cc_version=2.1;"}`],
    ["a value that holds an escape", `{"system":"${NAME} cc_version=2\\u002e1; cc_entrypoint=cli;"}`],
    ["a control character in a field", `{"system":"${NAME} cc_version=2\u00001; cc_entrypoint=cli;"}`],
    ["an escape instead of fields", `{"system":"${NAME} \\u0041"}`],
    ["nothing", ""],
    ["white space only", " \n"],
    ["not JSON", `system: ${HEADER}`],
    ["a second value after the body", `{"system":"${HEADER}"}{}`],
    ["a byte order mark before the body", `\ufeff{"system":"${HEADER}"}`],
    ["system twice", `{"system":"${HEADER}","system":"${HEADER}"}`],
    ["system twice, once with escapes", `{"system":"${HEADER}","syst\\u0065m":"You are"}`],
    ["the text of a block twice", `{"system":[{"type":"text","text":"${HEADER}","text":"a"}]}`],
    ["the type of a block twice", `{"system":[{"type":"text","t\\u0079pe":"image","text":"${HEADER}"}]}`],
    ["messages twice", `{"messages":[],"system":"${HEADER}","messages":[]}`],
    ["a trailing comma", `{"system":"${HEADER}",}`],
    ["a comment", `{"system":"${HEADER}"/* */}`],
    ["single quotes", `{'system':"${HEADER}"}`],
    ["an invalid number", `{"system":"${HEADER}","n":01}`],
    ["an invalid literal", `{"system":"${HEADER}","n":nul}`],
    ["a missing value", `{"system":"${HEADER}","n":}`],
    ["a missing colon", `{"system":"${HEADER}","n" 1}`],
    ["a closing bracket of the other kind", `{"system":"${HEADER}","n":[}]}`],
    ["a no-break space between members", `{"system":"${HEADER}",\u00a0"n":1}`],
    ["a NUL between members", `{"system":"${HEADER}",\u0000"n":1}`],
    ["an unterminated string", `{"system":"${HEADER}","n":"a\\"}`],
  ];
  test.each(BODIES)("%s", (_, body) => {
    expectUnchanged(body, HEADER_ONLY);
    expectUnchanged(body, OPENAI);
  });

  test("a body truncated at any byte", () => {
    const body = Buffer.from(
      `{"messages":[{"role":"user","content":"é \\"\\\\"},{"a":[1.5e-3,true,null]}],"system":[{"type":"text","text":"${HEADER}"}],"n":{"a":[ ]}} `,
    );
    for (let end = 0; end < body.length - 1; end++) expectUnchanged(body.subarray(0, end), HEADER_ONLY);
    expect(rewriteChecked(body, HEADER_ONLY).notes).toEqual(["billing header made constant"]);
  });

  test("a body nested 100 000 levels deep", () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
      ['[{"a":', "}]"],
    ] as const) {
      const deep = open.repeat(100_000);
      expectUnchanged(`{"system":"${HEADER}","n":${deep}`, HEADER_ONLY);
      expectUnchanged(`{"system":"${HEADER}","n":${deep}1${close.repeat(100_000)}}`, HEADER_ONLY);
      expectUnchanged(deep, HEADER_ONLY);
    }
  });
});

describe("the header is found in spite of", () => {
  const changed = (name: string, body: string | Buffer) =>
    test(name, () => {
      const bytes = Buffer.from(body as string);
      const at = bytes.indexOf(HEADER);
      const want = Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(CONSTANT_HEADER),
        bytes.subarray(at + HEADER.length),
      ]);
      expect(want.equals(rewriteChecked(bytes, HEADER_ONLY).body)).toBe(true);
    });

  changed(
    "bytes that are not UTF-8 elsewhere",
    Buffer.concat([
      Buffer.from(`{"messages":["`),
      Buffer.from([0xff, 0xc3, 0x80, 0xed, 0xa0, 0x80]),
      Buffer.from(`"],"system":"${HEADER}"}`),
    ]),
  );
  changed("huge numbers", `{"n":1e400,"m":-123456789012345678901234567890.5E+10,"system":"${HEADER}"}`);
  changed("a hundred levels", `{"n":${"[".repeat(100)}${"]".repeat(100)},"system":"${HEADER}"}`);
  changed("backslashes before quotes", `{"a\\\\":"\\\\","b":"\\\\\\"","c":"\\\\\\\\","system":"${HEADER}"}`);
  changed("an unwanted key twice", `{"n":1,"n":2,"system":"${HEADER}","x":{"system":1,"system":2}}`);
  changed("keys of Object.prototype", `{"__proto__":1,"toString":2,"constructor":3,"system":"${HEADER}"}`);
  changed("a prompt of two megabytes after it", `{"system":"${HEADER}${"You are \\n".repeat(200_000)}"}`);
  changed("a very long key", `{"${"k".repeat(100_000)}":1,"system":"${HEADER}"}`);
});

test("a body of 50 MB with a header is edited, a truncated one is unchanged", () => {
  const content = JSON.stringify({ role: "user", content: 'const a = "b\\n";\n'.repeat(40_000) });
  const messages = Array.from({ length: Math.ceil(50e6 / content.length) }, () => content).join(",");
  const body = Buffer.from(`{"messages":[${messages}],"system":"${HEADER}"}`);
  const { body: out } = rewriteChecked(body, HEADER_ONLY);
  expect(Buffer.from(out).equals(Buffer.from(body.toString().replace(HEADER, CONSTANT_HEADER)))).toBe(true);
  expectUnchanged(body.subarray(0, body.length - 1), HEADER_ONLY);
});

test("a view into a larger buffer is read and written at its own place", () => {
  const around = Buffer.from(`{"system":"${HEADER}"} {"system":"${HEADER}You are"} {`);
  const start = around.indexOf(" {") + 1;
  const view = around.subarray(start, around.length - 2);
  expect(rewrittenText(view, HEADER_ONLY)).toBe(`{"system":"${CONSTANT_HEADER}You are"}`);
});

test("the edit covers the header and nothing else", () => {
  const bytes = Buffer.from(`{"system":"${HEADER}You are"}`);
  const { edits } = billingHeader.run(scan(bytes, compile(billingHeader.needs)), {});
  expect(edits.map(({ start, end }) => bytes.toString("latin1", start, end))).toEqual([HEADER]);
  expect(applied(bytes, edits).toString()).toBe(`{"system":"${CONSTANT_HEADER}You are"}`);
});
