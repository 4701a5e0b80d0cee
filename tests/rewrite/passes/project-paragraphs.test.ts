import { describe, expect, test } from "bun:test";
import { conversation, type Message } from "../../support/conversation.ts";
import { type Json, randomText, serialize } from "../../support/json.ts";
import { property, type Random } from "../../support/seeded.ts";
import { expectUnchanged, FOLD, OPENAI, rewriteChecked, type Setup, STRICT } from "../checked.ts";
import { modelView } from "../model-view.ts";

const MOVE: Setup = { ...FOLD, systemTurns: "keep" };
const KEEP: Setup = { ...FOLD, projectParagraphs: "keep" };

const HEADER = "x-anthropic-billing-header: cc_version=0; cc_entrypoint=cli;";
const text = (words: string) => ({ type: "text", text: words });
const reminder = (words: string) => text(`<system-reminder>\n${words}\n</system-reminder>`);
const user = (content: unknown) => ({ role: "user", content });
const systemTurn = (content: unknown) => ({ role: "system", content });
const said = { role: "assistant", content: "Hi" };

const memoryOf = (name: string) => `Notes are kept at \`/home/u/.claude/projects/-w-${name}/memory/\`.`;
const environmentOf = (name: string) =>
  `# Environment\n - Primary working directory: /w/${name}\n - Platform: x`;
const promptOf = (name: string) =>
  `You work.\n\n# Memory\n\n${memoryOf(name)}\n\nOne file, one fact.\n\n# End\nBye.`;
const PROMPT = "You work.\n\n# Memory\n\nOne file, one fact.\n\n# End\nBye.";
const turnOf = (name: string) => `${environmentOf(name)}\n\nThe model is M.\n\nToday is Monday.`;
const MOVED = (name: string) => `# Memory\n\n${memoryOf(name)}\n\n${environmentOf(name)}`;

interface Body {
  readonly system: unknown;
  readonly messages: readonly object[];
}

function bodyOf(name: string, messages: readonly object[], system = promptOf(name)): Body {
  return { system: [text(HEADER), text("You are Claude Code."), text(system)], messages };
}

function rewritten(body: object, setup: Setup) {
  const { body: bytes, notes } = rewriteChecked(JSON.stringify(body), setup);
  return { ...(JSON.parse(Buffer.from(bytes).toString()) as Body), notes };
}

describe("paragraphs that name the project go into the first user turn, under their headings", () => {
  test("from the system prompt and the system turn", () => {
    const body = bodyOf("demo", [user("Hello"), systemTurn(turnOf("demo"))]);
    expect(rewritten(body, MOVE)).toEqual({
      ...bodyOf(
        "demo",
        [user([reminder(MOVED("demo")), text("Hello")]), systemTurn("The model is M.\n\nToday is Monday.")],
        PROMPT,
      ),
      notes: ["2 project paragraphs moved"],
    });
  });

  test("with the system turn folded before them", () => {
    const body = bodyOf("demo", [user("Hello"), systemTurn(turnOf("demo")), said]);
    for (const setup of [FOLD, STRICT]) {
      expect(rewritten(body, setup).messages).toEqual([
        user([reminder("The model is M.\n\nToday is Monday."), reminder(MOVED("demo")), text("Hello")]),
        said,
      ]);
    }
  });

  test("two projects then share all of the prompt before them", () => {
    const [one, other] = ["demo", 'Gärten "2"'].map((name) => {
      const words = [
        text(`<system-reminder>\nContents of /w/${name}/CLAUDE.md:\n\n${name}\n</system-reminder>`),
      ];
      return rewritten(bodyOf(name, [user([...words, text(name)]), systemTurn([text(turnOf(name))])]), FOLD);
    });
    expect(one?.system).toEqual(other?.system);
    const [first, second] = [one, other].map((body) => contentOf(body?.messages[0]));
    expect(first?.slice(0, 1)).toEqual(second?.slice(0, 1) ?? []);
    expect(first).toHaveLength(4);
  });

  test("a prompt that is a string, and a subagent's environment without a heading", () => {
    const environment = "About it:\n<env>\nWorking directory: /w/demo\n</env>";
    const system = `You are Claude Code.\n\n${environment}\n\nBye.`;
    expect(rewritten({ system, messages: [user("Hello")] }, MOVE)).toEqual({
      system: "You are Claude Code.\n\nBye.",
      messages: [user([reminder(environment), text("Hello")])],
      notes: ["1 project paragraph moved"],
    });
  });

  test("first, last, and next to each other", () => {
    const system = `In /w/demo.\n\n${environmentOf("demo")}\n\n# A\n\nb\n\nOne /w/demo\n\nTwo /w/demo/x`;
    expect(rewritten(bodyOf("demo", [user("Hello")], system), MOVE)).toEqual({
      ...bodyOf(
        "demo",
        [
          user([
            reminder(`In /w/demo.\n\n${environmentOf("demo")}\n\n# A\n\nOne /w/demo\n\nTwo /w/demo/x`),
            text("Hello"),
          ]),
        ],
        "# A\n\nb",
      ),
      notes: ["4 project paragraphs moved"],
    });
  });

  test("a turn that is nothing else is left empty, or goes away when it is folded", () => {
    const body = bodyOf("demo", [user("Hello"), systemTurn(environmentOf("demo"))], "You work.");
    const moved = user([reminder(environmentOf("demo")), text("Hello")]);
    expect(rewritten(body, MOVE).messages).toEqual([moved, systemTurn("")]);
    expect(rewritten(body, FOLD).messages).toEqual([moved]);
  });
});

describe("their place is", () => {
  const at = (...blocks: object[]) => {
    // The user's words may come in a turn of their own.
    const { messages } = rewritten(bodyOf("demo", [user(blocks), user("Hello")]), MOVE);
    return contentOf(messages[0]);
  };
  const moved = reminder(`# Memory\n\n${memoryOf("demo")}`);
  const skills = reminder("The following skills are here:\n- a");
  const rules = reminder("Rules follow.\n\nContents of /w/demo/CLAUDE.md:\n\nBe kind.");
  const git = reminder("Use this:\n# gitStatus\nBranch: main");
  const attribution = reminder("Attribution for git commits: none");
  const words = text("Hello");

  test.each([
    ["before the words", [words], [moved, words]],
    ["before an image", [{ type: "image" }, words], [moved, { type: "image" }, words]],
    ["after reminders that are the same in every project", [skills, words], [skills, moved, words]],
    ["before CLAUDE.md", [skills, rules, words], [skills, moved, rules, words]],
    ["before git status", [git, words], [moved, git, words]],
    [
      "before a mentioned file",
      [reminder("Called the Read tool"), words],
      [moved, reminder("Called the Read tool"), words],
    ],
    [
      "after the attribution, which goes before CLAUDE.md and git status",
      [rules, git, attribution, words],
      [attribution, moved, rules, git, words],
    ],
    ["after an attribution that is first", [attribution, words], [attribution, moved, words]],
    ["after reminders only", [skills], [skills, moved]],
    ["in an empty turn", [], [moved]],
  ])("%s", (_, blocks, want) => {
    expect(at(...blocks)).toEqual(want);
  });
});

test("git status in the system prompt goes right before the words", () => {
  const status = "gitStatus: As it is now.\n\nBranch: main\n\nCommits:\n1 /w/demo";
  const rules = reminder("Contents of /w/demo/CLAUDE.md:\n\nBe kind.");
  const body = bodyOf("demo", [user([rules, text("Hello")])], `${promptOf("demo")}\n\n${status}`);
  expect(rewritten(body, MOVE)).toEqual({
    ...bodyOf(
      "demo",
      [user([reminder(`# Memory\n\n${memoryOf("demo")}`), rules, reminder(status), text("Hello")])],
      PROMPT,
    ),
    notes: ["1 project paragraph moved", "git status moved"],
  });
});

describe("unchanged", () => {
  const body = bodyOf("demo", [user("Hello"), systemTurn(turnOf("demo"))]);
  test("with --project-paragraphs keep, and in other APIs", () => {
    const { system, messages } = rewritten(body, KEEP);
    expect(system).toEqual(body.system);
    expect(messages).toEqual([user([reminder(turnOf("demo")), text("Hello")])]);
    expectUnchanged(JSON.stringify(body), { ...OPENAI, systemTurns: "keep" });
  });

  test.each([
    ["another client", { ...body, system: promptOf("demo") }],
    ["no project", bodyOf("demo", [user("Hello")], "You work.\n\nIn /w/demo.")],
    ["no user turn", bodyOf("demo", [systemTurn("S")])],
    ["no user turn before the answer", bodyOf("demo", [said, user("Hello")])],
    ["only reminders before the answer", bodyOf("demo", [user([reminder("R")]), said, user("Hello")])],
    ["no messages", { system: body.system }],
    [
      "a first user turn with a tool result",
      bodyOf("demo", [user([{ type: "tool_result", tool_use_id: "t", content: "R" }, text("Hello")])]),
    ],
  ])("%s", (_, value) => {
    expectUnchanged(JSON.stringify(value), MOVE);
  });

  test("texts of the user and later system turns", () => {
    const later = [said, user("See /w/demo"), systemTurn("Now in /w/demo"), user("/w/demo")];
    const { messages } = rewritten(bodyOf("demo", [user("In /w/demo"), ...later]), MOVE);
    expect(messages.slice(1)).toEqual(later);
    expect(contentOf(messages[0])[1]).toEqual(text("In /w/demo"));
  });

  test("a file that the user mentions, in the system turn", () => {
    const call = 'Called the Read tool with the following input: {"file_path":"/w/demo/a"}';
    const { messages } = rewritten(bodyOf("demo", [user("Hello"), systemTurn(call)]), MOVE);
    expect(messages[1]).toEqual(systemTurn(call));
  });
});

test("a conversation that begins with a system turn and an answer stays as it is when it is rewritten again", () => {
  const { system } = rewritten(bodyOf("demo", [systemTurn("S"), said, user("Hello")]), FOLD);
  expect(JSON.stringify(system)).toContain(memoryOf("demo"));
});

test("another client whose headers are Claude Code's", () => {
  const body = { system: promptOf("demo"), messages: [user("Hello")] };
  expect(rewritten(body, { ...MOVE, isClaudeCode: true }).system).toEqual(PROMPT);
});

test("a text that cannot be read keeps the paragraphs in place", () => {
  const body = JSON.stringify(bodyOf("demo", [user("Hello")]));
  expectUnchanged(body.replace("You are Claude Code.", "\\x"), MOVE);
});

describe.each([
  ["any template", FOLD],
  ["strict alternation", STRICT],
] as const)("%s", (_, setup) => {
  property("an answered turn stays as it was seen", 200, (random) => {
    const name = random.pick(["demo", 'my "demo" é']);
    const chat = conversation(random);
    const seen = () => {
      const body = serialize(
        bodyOf(name, withEnvironment(chat.request(), name)) as unknown as Json,
        random,
        () => false,
      );
      const out = JSON.parse(Buffer.from(rewriteChecked(body, setup).body).toString()) as Body;
      expect(JSON.stringify(out.system)).not.toContain(`/w/${name}`);
      return [{ message: -1, role: "system", part: JSON.stringify(out.system) }, ...modelView(out.messages)];
    };
    let before = seen();
    for (let turn = random.below(5); turn >= 0; turn--) {
      chat.grow();
      const after = seen();
      expect(after.slice(0, before.length)).toEqual(before);
      before = after;
    }
  });
});

property("nothing is lost, nothing else changes, whatever the escapes", 300, (random) => {
  const name = random.pick(["demo", 'my "demo" é', "漢字 👩‍💻", "a\\b"]);
  const paragraphs = random.some(1, 8, () => paragraph(random, name));
  const prompt = ["You are Claude Code.", environmentOf(name), ...paragraphs].join("\n\n");
  const value: Json = {
    system: prompt,
    messages: [{ role: "user", content: "Hello" }],
    n: randomText(random),
  };
  const { body, notes } = rewriteChecked(
    serialize(value, random, () => false),
    MOVE,
  );
  const out = JSON.parse(Buffer.from(body).toString());
  const names = (words: string) => words.includes(`/w/${name}`);
  expect(out.system).toBe(
    prompt
      .split("\n\n")
      .filter((one) => !names(one))
      .join("\n\n"),
  );
  const [moved, words] = out.messages[0].content;
  expect(words).toEqual(text("Hello"));
  expect(moved).toEqual(reminder(prompt.split("\n\n").filter(names).join("\n\n")));
  expect(notes[0]).toMatch(/^\d+ project paragraphs? moved$/);
  expect(out.n).toBe(value.n);
});

// --- internal ---

/** With the system turn on the environment after the first user turn. */
function withEnvironment(messages: readonly Message[], name: string): Message[] {
  const first = messages.findIndex(({ role }) => role === "user");
  return messages.toSpliced(first + 1, 0, { role: "system", content: turnOf(name) });
}

function contentOf(turn: object | undefined): readonly object[] {
  return (turn as { readonly content: readonly object[] }).content;
}

function paragraph(random: Random, name: string): string {
  const words = randomText(random).replaceAll("\n", " ");
  return random.chance(0.4) ? `See "/w/${name}": ${words}` : `Or ${words}`;
}
