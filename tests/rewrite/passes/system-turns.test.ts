import { describe, expect, test } from "bun:test";
import { CONSTANT_HEADER } from "../../../src/rewrite/passes/billing-header.ts";
import { expectUnchanged, FOLD, HEADER_ONLY, OPENAI, rewriteChecked, STRICT } from "../checked.ts";

const text = (words: string, more: object = {}) => ({ type: "text", text: words, ...more });
const result = (content: unknown, id = "t1") => ({ type: "tool_result", tool_use_id: id, content });
const user = (content: unknown) => ({ role: "user", content });
const system = (content: unknown) => ({ role: "system", content });
const said = (content: unknown) => ({ role: "assistant", content });
const reminder = (words: string) => `<system-reminder>\n${words}\n</system-reminder>`;
const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBOR" } };
const reference = { type: "tool_reference", tool_name: "Web" };
const marker = "<total_tokens>182 000 tokens left</total_tokens>";
const cached = { cache_control: { type: "ephemeral" } };
const asked = said([{ type: "tool_use", id: "t1", name: "Bash", input: {} }]);
const wrote = (words: string) => `The user wrote this message:\n${words}`;

const first = user("Hello");
const before = [first, said("Hi")];

type Row = readonly [name: string, messages: readonly object[], want: readonly object[]];

function fold({ messages, context }: { messages: readonly object[]; context: typeof FOLD }): unknown {
  const body = JSON.stringify({ model: "m", messages, system: "You help.", max_tokens: 1 });
  const out = JSON.parse(Buffer.from(rewriteChecked(body, context).body).toString());
  expect(Object.keys(out)).toEqual(["model", "messages", "system", "max_tokens"]);
  return out.messages;
}

function table(rows: readonly Row[], context: typeof FOLD): void {
  test.each(rows as Row[])("%s", (_, messages, want) => {
    expect(fold({ messages, context })).toEqual(want);
  });
}

describe("the first system turn goes to the front of the first user turn", () => {
  table(
    [
      ["string content", [user("Hello"), system("S")], [user([text(reminder("S")), text("Hello")])]],
      [
        "array content",
        [user([text("Hello", cached)]), system("S")],
        [user([text(reminder("S")), text("Hello", cached)])],
      ],
      [
        "before reminders such as git status",
        [user([text(reminder("R")), text("Hello")]), system([text("S", cached)])],
        [user([text(reminder("S")), text(reminder("R")), text("Hello")])],
      ],
      [
        "before the two blocks of a slash command",
        [user([text("<command-name>/do</command-name>"), text("Do it")]), system("S")],
        [user([text(reminder("S")), text("<command-name>/do</command-name>"), text("Do it")])],
      ],
      [
        "before the open file that an IDE reports",
        [user([text("<ide_opened_file>a.ts</ide_opened_file>"), text("Hello")]), system("S")],
        [user([text(reminder("S")), text("<ide_opened_file>a.ts</ide_opened_file>"), text("Hello")])],
      ],
      [
        "before an image",
        [user([image, text("Hello")]), system("S")],
        [user([text(reminder("S")), image, text("Hello")])],
      ],
      [
        "several keep their order",
        [first, system("S"), system("T")],
        [user([text(reminder("S")), text(reminder("T")), text("Hello")])],
      ],
      ["already wrapped", [first, system(reminder("S"))], [user([text(reminder("S")), text("Hello")])]],
      [
        "wrapped except for white space",
        [first, system(`\n${reminder("S")}\n`)],
        [user([text(`\n${reminder("S")}\n`), text("Hello")])],
      ],
      [
        "a reminder followed by more is wrapped",
        [first, system(`${reminder("S")} T`)],
        [user([text(reminder(`${reminder("S")} T`)), text("Hello")])],
      ],
      [
        "a marker before the words",
        [user([text(marker), text("Hello")]), system("S")],
        [user([text(reminder("S")), text("Hello")])],
      ],
      ["an image only", [user([image]), system("S")], [user([text(reminder("S")), image])]],
      ["no blocks", [user([]), system("S")], [user([text(reminder("S"))])]],
      [
        "a first turn with a result: into the result",
        [user([result("R")]), system("S")],
        [user([result(`R\n\n${reminder("S")}`)])],
      ],
      [
        "not after an answer",
        [first, said("Hi"), user("More"), system("S")],
        [first, said("Hi"), user([text("More"), text(reminder("S"))])],
      ],
      [
        "not after the user spoke twice",
        [first, user("More"), system("S")],
        [first, user([text("More"), text(reminder("S"))])],
      ],
    ],
    FOLD,
  );

  const mention = user(reminder("Called the Read tool"));
  const words = user([text(reminder("The file")), text("Hello")]);
  table(
    [
      [
        "before a mentioned file, which has a turn of its own",
        [mention, words, system("S"), said("Hi")],
        [user([text(reminder("S")), text(reminder("Called the Read tool"))]), words, said("Hi")],
      ],
    ],
    FOLD,
  );
  table(
    [
      [
        "before a mentioned file whose turn is joined",
        [mention, words, system("S"), said("Hi")],
        [
          user([
            text(reminder("S")),
            text(reminder("Called the Read tool")),
            text(reminder("The file")),
            text("Hello"),
          ]),
          said("Hi"),
        ],
      ],
    ],
    STRICT,
  );
});

describe("a system turn after tool results continues the last one", () => {
  const rows: [string, unknown, unknown][] = [
    ["a string", "R", `R\n\n${reminder("S")}`],
    ["one text", [text("R")], [text(`R\n\n${reminder("S")}`)]],
    ["two texts", [text("Q"), text("R")], [text("Q"), text(`R\n\n${reminder("S")}`)]],
    ["an empty string", "", reminder("S")],
    ["an empty array", [], [text(reminder("S"))]],
    ["an empty text", [text("")], [text(reminder("S"))]],
    ["nothing", undefined, reminder("S")],
    ["null", null, reminder("S")],
    ["only an image", [image], [image, text(reminder("S"))]],
    ["a text before an image", [text("R"), image], [text("R"), image, text(reminder("S"))]],
    [
      "an image that has a text",
      [{ ...image, text: "alt" }],
      [{ ...image, text: "alt" }, text(reminder("S"))],
    ],
    ["a tool reference", [reference], [text("Tool loaded: Web\n"), text(reminder("S"))]],
    [
      "a reference with a text of its own",
      [{ type: "tool_reference", tool_name: "Web", text: "x" }],
      [text("Tool loaded: Web\n"), text(reminder("S"))],
    ],
  ];
  for (const context of [FOLD, STRICT]) {
    table(
      rows.map(([name, content, want]) => [
        name,
        [...before, asked, user([result("first", "t0"), result(content)]), system("S")],
        [...before, asked, user([result("first", "t0"), result(want)])],
      ]),
      context,
    );
  }
});

describe("elsewhere", () => {
  table(
    [
      [
        "after a later turn without results: becomes its last block",
        [...before, user("More"), system("S")],
        [...before, user([text("More"), text(reminder("S"))])],
      ],
      [
        "first in the conversation: becomes a user turn",
        [system("S"), said("Hi")],
        [user([text(reminder("S"))]), said("Hi")],
      ],
      [
        "first, before a user turn: becomes a turn of its own",
        [system("S"), first, system("T")],
        [user([text(reminder("S"))]), user([text(reminder("T")), text("Hello")])],
      ],
      [
        "after an assistant turn: becomes a user turn",
        [...before, system("S"), system("T")],
        [...before, user([text(reminder("S")), text(reminder("T"))])],
      ],
      ["an empty one is dropped", [...before, user("More"), system("")], [...before, user("More")]],
      [
        "an empty one as array is dropped",
        [...before, user("More"), system([text("")])],
        [...before, user("More")],
      ],
      ["one of no blocks is dropped", [...before, user("More"), system([])], [...before, user("More")]],
    ],
    FOLD,
  );
});

describe("without a top-level system a system turn at the very beginning stays", () => {
  const kept = (messages: readonly object[], context: typeof FOLD) =>
    JSON.parse(Buffer.from(rewriteChecked(JSON.stringify({ messages }), context).body).toString()).messages;
  test.each([FOLD, STRICT])("%o", (context) => {
    expectUnchanged(JSON.stringify({ messages: [system("S"), first] }), context);
    expect(kept([system("S"), first, system("T")], context)).toEqual([
      system("S"),
      user([text(reminder("T")), text("Hello")]),
    ]);
    expect(kept([first, system("S")], context)).toEqual([user([text(reminder("S")), text("Hello")])]);
  });

  test("and its billing header becomes constant", () => {
    const [prompt, hello] = kept(
      [system("x-anthropic-billing-header: cc_version=1;\nYou help."), first],
      FOLD,
    );
    expect(prompt).toEqual(system(`${CONSTANT_HEADER}\nYou help.`));
    expect(hello).toEqual(first);
  });
});

describe("a text of the user after tool results", () => {
  const results = (...late: object[]) => [...before, asked, user([result("R"), ...late])];
  table(
    [
      [
        "a reminder goes into the last result",
        results(text(reminder("S"))),
        results()
          .slice(0, -1)
          .concat(user([result(`R\n\n${reminder("S")}`)])),
      ],
      [
        "the user's own words become a turn",
        results(text("Stop", cached)),
        [...results(), user([text("Stop", cached)])],
      ],
      ["an image becomes a turn", results(image), [...results(), user([image])]],
      [
        "reminders and a system turn go into the result, the user's words after it",
        [...results(text("Stop"), text(reminder("S")), text("now")), system("T")],
        [
          ...before,
          asked,
          user([result(`R\n\n${reminder("S")}\n\n${reminder("T")}`)]),
          user([text("Stop"), text("now")]),
        ],
      ],
      [
        "between two results",
        [...before, asked, user([result("R"), text("Stop"), result("Q", "t2")])],
        [...before, asked, user([result("R"), result("Q", "t2")]), user([text("Stop")])],
      ],
    ],
    FOLD,
  );
  describe("with strict alternation", () => {
    const inside = (content: unknown) => [...before, asked, user([result(content)])];
    table(
      [
        ["the user's own words go into the result", results(text("Stop")), inside(`R\n\n${wrote("Stop")}`)],
        [
          "in order",
          results(text(reminder("S")), text("Stop")),
          inside(`R\n\n${reminder("S")}\n\n${wrote("Stop")}`),
        ],
        ["so does an image", results(text("See"), image), inside([text("R"), text(wrote("See")), image])],
        ["so does the user turn after it", [...results(), user("Stop")], inside(`R\n\n${wrote("Stop")}`)],
        ["a tool reference goes in by name", results(reference), inside("R\n\nTool loaded: Web\n")],
        [
          "also one of the user turn after it",
          [...results(), user([reference])],
          inside("R\n\nTool loaded: Web\n"),
        ],
        [
          "with its system turn",
          [...results(), user([text("Stop"), image]), system("S")],
          inside([text("R"), text(wrote("Stop")), image, text(reminder("S"))]),
        ],
      ],
      STRICT,
    );
  });
});

describe("a text that Claude Code adds after tool results continues the last one", () => {
  const skill = "Base directory for this skill: /skills/wave\n\n# Wave\nRaise a hand.";
  const launched = (content: unknown, ...late: object[]) => [
    ...before,
    asked,
    user([result(content), ...late]),
  ];
  const rows: Row[] = [
    ["a skill's text", "Launching skill: wave", [text(skill)], `Launching skill: wave\n\n${skill}`],
    [
      "a command's text, which only the result announces",
      "Launching skill: wave",
      [text("Raise a hand.")],
      "Launching skill: wave\n\nRaise a hand.",
    ],
    [
      "announced in a text block",
      [text("Launching skill: wave")],
      [text("Raise a hand.")],
      [text("Launching skill: wave\n\nRaise a hand.")],
    ],
    [
      "a message that was queued during the work",
      "R",
      [text("The user sent a new message while you were working:\nHurry")],
      "R\n\nThe user sent a new message while you were working:\nHurry",
    ],
    [
      "the output of a hook",
      "R",
      [text("PostToolUse:Bash hook additional context: checked")],
      "R\n\nPostToolUse:Bash hook additional context: checked",
    ],
    [
      "the size of an image",
      [image],
      [text("[Image: original 30x20, displayed at 15x10.]")],
      [image, text("[Image: original 30x20, displayed at 15x10.]")],
    ],
    [
      "a background task's end",
      "R",
      [text("[SYSTEM NOTIFICATION - NOT USER INPUT]\nDone")],
      "R\n\n[SYSTEM NOTIFICATION - NOT USER INPUT]\nDone",
    ],
    ["a PDF's pages", "PDF pages extracted: 1", [image], [text("PDF pages extracted: 1"), image]],
    [
      "an interruption",
      "R",
      [text("[Request interrupted by user]\n")],
      "R\n\n[Request interrupted by user]\n",
    ],
    ["an empty text goes away", "R", [text("")], "R"],
    ["a blank text goes away", "R", [text(" \n")], "R"],
    ["loaded tools are named once", [reference], [text("Tool loaded.")], [text("Tool loaded: Web\n")]],
    ["loaded tools that no result names", "R", [text("Tool loaded.")], "R\n\nTool loaded."],
  ].map(([name, content, late, want]) => [
    name as string,
    launched(content, ...(late as object[])),
    launched(want),
  ]);
  table(rows, FOLD);
  table(rows, STRICT);

  table(
    [
      [
        "also as a turn of its own",
        [...launched("R"), user([text(reminder("S"))]), user(skill), system("T")],
        launched(`R\n\n${reminder("S")}\n\n${skill}\n\n${reminder("T")}`),
      ],
      ["an empty turn after it goes away", [...launched("R"), user([text("")])], launched("R")],
      [
        "what the user said after an interruption is a turn",
        launched("R", text("[Request interrupted by user for tool use]"), text("Stop"), image),
        [...launched("R\n\n[Request interrupted by user for tool use]"), user([text("Stop"), image])],
      ],
      [
        "a skill has one text; what follows is the user's",
        launched("Launching skill: wave", text(skill), text("Stop")),
        [...launched(`Launching skill: wave\n\n${skill}`), user([text("Stop")])],
      ],
      [
        "an interrupted skill has none",
        launched("Launching skill: wave", text("[Request interrupted by user]"), text("Stop")),
        [...launched("Launching skill: wave\n\n[Request interrupted by user]"), user([text("Stop")])],
      ],
      [
        "a skill that the user invoked goes with the user's command",
        launched(
          "R",
          text("[Request interrupted by user]"),
          text("<command-name>/wave</command-name>"),
          text(skill),
        ),
        [
          ...launched("R\n\n[Request interrupted by user]"),
          user([text("<command-name>/wave</command-name>"), text(skill)]),
        ],
      ],
      [
        "words about a mark are the user's",
        launched("R", text("What is a Base directory for this skill: line?")),
        [...launched("R"), user([text("What is a Base directory for this skill: line?")])],
      ],
    ],
    FOLD,
  );
  table(
    [
      [
        "the user's words after an interruption say whose they are",
        launched("R", text("[Request interrupted by user]"), text("Stop")),
        launched(`R\n\n[Request interrupted by user]\n\n${wrote("Stop")}`),
      ],
      ["an empty turn after it goes away", [...launched("R"), user("")], launched("R")],
    ],
    STRICT,
  );
});

describe("strict alternation joins consecutive user turns", () => {
  table(
    [
      ["two strings", [first, user("More")], [user([text("Hello"), text("More")])]],
      [
        "but not those with results of their own",
        [...before, asked, user([result("R")]), user([result("Q", "t2")])],
        [...before, asked, user([result("R")]), user([result("Q", "t2")])],
      ],
      [
        "with system turns between",
        [first, system("S"), user("More"), system("T")],
        [user([text(reminder("S")), text("Hello"), text("More"), text(reminder("T"))])],
      ],
      [
        "after a system turn that became a user turn",
        [...before, system("S"), user([text("More"), image])],
        [...before, user([text(reminder("S")), text("More"), image])],
      ],
      [
        "including a leading system turn",
        [system("S"), first, said("Hi"), user("More"), system("T")],
        [user([text(reminder("S")), text("Hello")]), said("Hi"), user([text("More"), text(reminder("T"))])],
      ],
    ],
    STRICT,
  );
});

describe("markers of the remaining tokens are dropped", () => {
  const rows: Row[] = [
    ["a system turn", [first, said("Hi"), user("More"), system(marker)], [...before, user("More")]],
    ["a user turn", [...before, user([text(marker, cached)]), said("Yes")], [...before, said("Yes")]],
    [
      "a block after a result",
      [...before, asked, user([result("R"), text(`\n${marker}\n`)])],
      [...before, asked, user([result("R")])],
    ],
    [
      "a block before the words",
      [...before, user([text(marker), text("More")])],
      [...before, user([text("More")])],
    ],
    [
      "a system turn folds into the turn before it",
      [...before, user("More"), user(marker), system("S")],
      [...before, user([text("More"), text(reminder("S"))])],
    ],
  ];
  table(rows, FOLD);
  table(rows, STRICT);

  test.each([
    ["words about it", `See ${marker}`],
    ["two of them", marker + marker],
    ["no number", "<total_tokens>many tokens left</total_tokens>"],
    ["inside a reminder", reminder(marker)],
  ])("%s: not a marker", (_, words) => {
    expectUnchanged(JSON.stringify({ messages: [...before, user([text(words), text("More")])] }), FOLD);
  });
});

describe("the array that came in goes out", () => {
  const body = (messages: unknown, more: object = {}) => JSON.stringify({ messages, ...more });
  const folded = body([first, system("S")]);
  test("for a history that needs no repair", () => {
    const messages = [
      user([text("Hello", cached)]),
      said([text("Hi")]),
      asked,
      user([result("R"), result([image], "t2")]),
    ];
    expectUnchanged(body(messages), FOLD);
    expectUnchanged(body(messages), STRICT);
  });
  test("with --system-turns keep and in other APIs", () => {
    expectUnchanged(folded, HEADER_ONLY);
    expectUnchanged(folded, OPENAI);
    expectUnchanged(folded, { ...FOLD, api: undefined });
  });

  test.each([
    ["messages that are not an array", { a: 1 }],
    ["a turn that is not an object", [first, system("S"), "turn"]],
    ["a turn without a role", [first, system("S"), { content: "a" }]],
    ["a role that is not a string", [first, system("S"), { role: 1, content: "a" }]],
    ["a user turn without content", [{ role: "user" }, system("S")]],
    ["content that is an object", [user({ type: "text" }), system("S")]],
    ["a block that is a string", [user(["Hello"]), system("S")]],
    ["a block without a type", [user([{ text: "Hello" }]), system("S")]],
    ["a text block without a text", [user([{ type: "text" }]), system("S")]],
    ["a system turn with an image", [first, system([image])]],
    ["a result that is an object", [first, asked, user([result({ a: 1 })]), system("S")]],
    ["a result that is a number", [first, asked, user([result(7)]), system("S")]],
    ["nothing but markers", [user(marker), system(marker)]],
  ])("for %s", (_, messages) => {
    expectUnchanged(body(messages), FOLD);
    expectUnchanged(body(messages), STRICT);
  });

  test.each([
    ["invalid escapes", `{"messages":[{"role":"user","content":"Hello"},{"role":"system","content":"\\x"}]}`],
    [
      "half an escape",
      `{"messages":[{"role":"user","content":"Hello"},{"role":"system","content":"\\u12"}]}`,
    ],
    [
      "a control character",
      `{"messages":[{"role":"user","content":"Hello"},{"role":"system","content":"a\nb"}]}`,
    ],
    [
      "a role twice",
      `{"messages":[{"role":"user","content":"Hello"},{"role":"system","content":"S","r\\u006fle":"user"}]}`,
    ],
  ])("for %s in a system turn", (_, text) => {
    expectUnchanged(text, FOLD);
  });

  test("for bytes that are not UTF-8 in a system turn", () => {
    const [head, tail] = folded.split('"S"') as [string, string];
    const bad = Buffer.concat([Buffer.from(`${head}"`), Buffer.from([0xc3, 0x28]), Buffer.from(`"${tail}`)]);
    expectUnchanged(bad, FOLD);
  });

  test("for a history truncated at any byte", () => {
    const whole = Buffer.from(
      body([first, system("S é"), asked, user([result([text("R")]), text("Stop")]), system([text(marker)])], {
        n: 1,
      }),
    );
    for (let end = 0; end < whole.length; end++) expectUnchanged(whole.subarray(0, end), FOLD);
    expect(rewriteChecked(whole, FOLD).body === whole).toBe(false);
  });
});

test("a turn that cannot be read does not keep the header from being made constant", () => {
  const body = JSON.stringify({
    system: "x-anthropic-billing-header: cc_version=1;",
    messages: [{ role: "user" }],
  });
  const { notes } = rewriteChecked(body, FOLD);
  expect(notes).toEqual([
    "billing header made constant",
    expect.stringMatching(/^turns left unchanged: .* at byte/),
  ]);
});

test("texts are moved with their escapes and white space", () => {
  const body =
    '{"messages" : [ {"content":"H\\u0065llo","role":"user"} , { "role" : "syst\\u0065m" , "content" : "a\\/b\\u00e9" } ]}';
  const want =
    '{"messages" : [ {"content":[{"type":"text","text":"<system-reminder>\\na\\/b\\u00e9\\n</system-reminder>"},' +
    '{"type":"text","text":"H\\u0065llo"}],"role":"user"} ]}';
  expect(Buffer.from(rewriteChecked(body, FOLD).body).toString()).toBe(want);
});

test("each repair is counted", () => {
  const messages = [
    ...[first, system("S"), asked],
    user([result([reference]), text(reminder("R")), text("Stop"), text(marker)]),
  ];
  expect(rewriteChecked(JSON.stringify({ messages }), FOLD).notes).toEqual([
    "system turns folded: 1",
    "client texts moved into their tool result: 1",
    "user blocks moved after the tool results: 1",
    "token markers dropped: 1",
    "tool references named: 1",
  ]);
  const twice = { messages: [first, user("More")] };
  expect(rewriteChecked(JSON.stringify(twice), STRICT).notes).toEqual([
    "user turns joined with the one before: 1",
  ]);
});
