import { describe, expect } from "bun:test";
import { systemTurns } from "../../../src/rewrite/passes/system-turns.ts";
import { scan } from "../../../src/rewrite/scan.ts";
import { compile } from "../../../src/rewrite/shape.ts";
import { conversation, MARK, type Message } from "../../support/conversation.ts";
import { type Json, serialize } from "../../support/json.ts";
import { property, type Random } from "../../support/seeded.ts";
import { applied, FOLD, rewriteChecked, STRICT } from "../checked.ts";
import { modelView, type Seen } from "../model-view.ts";

describe.each([
  ["any template", FOLD],
  ["strict alternation", STRICT],
] as const)("%s", (_, context) => {
  const folded = (messages: readonly Message[], random: Random): Message[] => {
    const body = serialize({ messages, system: "You help.", stream: true }, random, () => false);
    const out = rewriteChecked(body, context);
    expect(out.notes.join()).not.toContain("left unchanged");
    return JSON.parse(Buffer.from(out.body).toString()).messages;
  };

  property("the model sees an answered turn unchanged from then on", 300, (random) => {
    const chat = conversation(random);
    let before = modelView(folded(chat.request(), random));
    for (let turn = random.below(6); turn >= 0; turn--) {
      chat.grow();
      const after = modelView(folded(chat.request(), random));
      expect(after.slice(0, before.length)).toEqual(before);
      before = after;
    }
  });

  property("a turn without an answer stays, except for the part that was last", 300, (random) => {
    const chat = conversation(random);
    random.some(0, 3, () => chat.grow());
    for (let interruptions = random.below(4); interruptions >= 0; interruptions--) {
      const before = modelView(folded(chat.request(), random)).slice(0, -1);
      chat.interrupt();
      expect(modelView(folded(chat.request(), random)).slice(0, before.length)).toEqual(before);
    }
  });

  property(
    "every text comes out once, complete, and where the rules put it; only wrapping is added",
    300,
    (random) => {
      const messages = grown(random);
      const view = modelView(folded(messages, random));
      expect(marksOf(view.map((seen) => seen.part).join("\n"))).toEqual(
        expectedMarks(messages, context === STRICT),
      );
      expect(residue(view, messages)).toBe("");
    },
  );

  property("no system turn and no marker remains", 200, (random) => {
    const out = folded(grown(random), random);
    expect(out.filter((turn) => turn.role === "system")).toEqual([]);
    expect(JSON.stringify(out)).not.toContain("<total_tokens>");
  });

  property("assistant turns and everything else in the body stay byte for byte", 200, (random) => {
    const messages = grown(random);
    const pieces = messages.map((turn) => serialize(turn, random, () => false).trim());
    const body = `{"a":"\\u00e9", "messages" :[${pieces.join(" , ")}] ,\n"system":[ ]}`;
    const out = Buffer.from(rewriteChecked(body, context).body).toString();
    expect(out.startsWith('{"a":"\\u00e9", "messages" :[')).toBe(true);
    expect(out.endsWith('] ,\n"system":[ ]}')).toBe(true);
    const assistants = pieces.filter((_, index) => messages[index]!.role === "assistant");
    for (let at = 0, index = 0; index < assistants.length; index++) {
      at = out.indexOf(assistants[index]!, at) + assistants[index]!.length;
      expect(at).toBeGreaterThanOrEqual(assistants[index]!.length);
    }
  });

  property("edits are disjoint and in bounds", 200, (random) => {
    const bytes = Buffer.from(serialize({ messages: grown(random), system: "" }, random, () => false));
    const document = scan(bytes, compile(systemTurns.needs));
    applied(bytes, systemTurns.run(document, context).edits);
  });
});

property("strict alternation: no user turn follows a tool result or another user turn", 500, (random) => {
  const body = JSON.stringify({ messages: grown(random), system: "" });
  const view = modelView(JSON.parse(Buffer.from(rewriteChecked(body, STRICT).body).toString()).messages);
  const roles = view.filter((seen, at) => seen.message !== view[at - 1]?.message).map((seen) => seen.role);
  expect(roles.filter((role, at) => role === "user" && at > 0 && roles[at - 1] !== "assistant")).toEqual([]);
});

// --- internal ---

function grown(random: Random): Message[] {
  const chat = conversation(random);
  random.some(0, 5, () => (random.chance(0.85) ? chat.grow() : chat.interrupt()));
  return chat.request();
}

function marksOf(text: string): number[] {
  return [...text.matchAll(MARK)].map(([, mark]) => Number(mark));
}

/** A user turn, or a system turn without one before it, and the turns that go into it. */
interface Run {
  readonly isFirst: boolean;
  readonly host: Message;
  readonly after: Message[];
}

/** The order of all texts after the rules in system-turns.ts, from the parsed messages. */
function expectedMarks(messages: readonly Message[], strict: boolean): number[] {
  return runsOf(messages.flatMap(withoutMarkers), strict).flatMap(({ isFirst, host, after }) => {
    const blocks = blocksOf(host);
    const results = blocks.findLastIndex((block) => block.type === "tool_result") + 1;
    if (results > 0) {
      const late = blocks.slice(results);
      const isOwn = ownWords(late, blocks.slice(0, results));
      const inside = late.filter((_, at) => strict || !isOwn[at]);
      const own = late.filter((_, at) => !strict && isOwn[at]);
      return marksIn(blocks.slice(0, results), inside, after, own);
    }
    if (!isFirst) return marksIn(blocks, after);
    const joined = after.findIndex((turn) => !isSystem(turn));
    const [systems, later] = joined < 0 ? [after, []] : [after.slice(0, joined), after.slice(joined)];
    return marksIn(systems, blocks, later);
  });
}

function runsOf(messages: readonly Message[], strict: boolean): Run[] {
  const runs: Run[] = [];
  let open: Run | undefined;
  messages.forEach((turn, at) => {
    const joins = isSystem(turn) || (strict && turn.role === "user" && !hasResult(turn));
    if (open && joins) open.after.push(turn);
    else {
      const isFirst = turn.role === "user" && !messages.slice(0, at).some((before) => before.role === "user");
      open = { isFirst, host: turn, after: [] };
      runs.push(open);
    }
    if (turn.role === "assistant") open = undefined;
  });
  return runs;
}

function withoutMarkers(turn: Message): Message[] {
  const blocks = blocksOf(turn).filter((block) => !/^\s*<total_tokens>/.test(String(block.text)));
  return blocks.length === 0 ? [] : [{ role: turn.role, content: blocks }];
}

type Block = Readonly<Record<string, Json>>;

function blocksOf({ content }: Message): readonly Block[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : (content as readonly Block[]);
}

function hasResult(turn: Message): boolean {
  return blocksOf(turn).some((block) => block.type === "tool_result");
}

function isSystem(turn: Message): boolean {
  return turn.role === "system";
}

function isReminder({ text }: Block): boolean {
  return typeof text === "string" && /^\s*<system-reminder>[\s\S]*<\/system-reminder>\s*$/.test(text);
}

/** For each block after tool results, whether it is the user's. */
function ownWords(late: readonly Block[], results: readonly Block[]): boolean[] {
  let interrupted = false;
  const launch = /^\W*(type\W+text\W+text\W+)?Launching skill:/;
  let skills = results.filter(({ content }) => launch.test(JSON.stringify(content ?? ""))).length;
  return late.map((block) => {
    const words = String(block.text ?? "").trim();
    if (words.startsWith("[Request interrupted by user")) interrupted = true;
    if (words.startsWith("Base directory for this skill:")) skills--;
    if (block.type !== "text") return true;
    if (words === "" || isReminder(block) || CLIENTS_OWN.test(words)) return false;
    return interrupted || skills-- <= 0;
  });
}

const CLIENTS_OWN =
  /^(Tool loaded\.$|\[Request interrupted|Base directory for this skill: |The user sent a new message while|PostToolUse:Bash hook|\[Image: )/;

function marksIn(...parts: readonly Json[]): number[] {
  return marksOf(JSON.stringify(parts));
}

/** What remains of the user's side after removing each text of the client once, and then the words that the pass adds. */
function residue(view: readonly Seen[], messages: readonly Message[]): string {
  let rest = view
    .filter((seen) => seen.role !== "assistant")
    .map((seen) => seen.part)
    .join("\n");
  for (const text of textsIn(messages.filter((turn) => turn.role !== "assistant"))) {
    expect(rest).toContain(text);
    rest = rest.replace(text, "");
  }
  return rest.replace(ADDED, "").trim();
}

const ADDED =
  /<system-reminder>\n\n<\/system-reminder>|Tool loaded\.|The user wrote this message:\n|Tool loaded: Tool¶\d+\n|^text |^image iVBOR¶\d+|^result toolu_\d+/gm;

/** Every string with a mark, except images and references, which come out in another form. */
function textsIn(value: Json): string[] {
  if (typeof value === "string") return /¶\d/.test(value) && !/^(iVBOR|Tool)¶/.test(value) ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
