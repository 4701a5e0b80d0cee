/**
 * What real clients add after tool results (docs/claude-code.md) arrives upstream in the last result. Only the user's own words
 * become a turn.
 */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UNREAD_DOCUMENT } from "../../src/rewrite/passes/unreadable.ts";
import { type ClaudeCode, claudeCode } from "./setup/claude-code.ts";
import { type Chat, startChat } from "./support/chat.ts";
import { newUser, runSession, type SessionOptions, type User } from "./support/claude.ts";
import { startProxy } from "./support/proxy.ts";
import { isInference, listen, type Recorded, record } from "./support/recording.ts";
import {
  type Answer,
  answerTo,
  type Conversation,
  type Scenario,
  type Turn,
  text,
  tool,
} from "./support/scenario.ts";
import { scriptedAnswer } from "./support/scripted-upstream.ts";

const bash = (command: string) => tool("Bash", { command, description: "Run it" });
const calls = (...blocks: Answer): Answer[] => [blocks, [bash("ls")], [text("Done.")]];

interface Story {
  readonly name: string;
  /** What the model says. */
  readonly scenario: (user: User) => Scenario;
  /** What a tool result must say in the end. */
  readonly inResult?: string;
  /** The user's words that must be a turn after a tool result. */
  readonly own: readonly string[];
  readonly talk?: (chat: Chat) => Promise<void>;
}

const STORIES: readonly Story[] = [
  {
    name: "a skill",
    inResult: "Raise a hand.",
    scenario: () => ({ Begin: calls(tool("Skill", { skill: "wave", args: "" })) }),
    own: [],
  },
  {
    name: "a command",
    inResult: "Put up what lies around.",
    scenario: () => ({ Begin: calls(tool("Skill", { skill: "tidy", args: "up" })) }),
    own: [],
  },
  {
    name: "loaded tools",
    scenario: () => ({ Begin: calls(tool("ToolSearch", { query: "select:WebFetch,NotebookEdit" })) }),
    own: [],
  },
  {
    name: "hooks",
    inResult: "PostToolUse:Bash hook additional context: Checked.",
    scenario: () => ({ Begin: calls(bash("ls")) }),
    own: [],
  },
  {
    name: "a PDF",
    inResult: UNREAD_DOCUMENT,
    scenario: ({ project }) => ({ Begin: calls(tool("Read", { file_path: join(project, "paper.pdf") })) }),
    own: [],
  },
  {
    name: "an interruption",
    scenario: () => ({ Begin: [[bash("tail -f notes.txt")]], "Show them": calls(bash("cat notes.txt")) }),
    talk: async ({ interruptAfter, say }) => {
      await interruptAfter("Begin");
      await say("Show them");
    },
    own: ["Show them"],
  },
  {
    name: "a failed request",
    scenario: () => ({ Begin: [[bash("ls")], []], "Show them": calls(bash("cat notes.txt")) }),
    talk: async ({ say }) => {
      await say("Begin");
      await say("Show them");
    },
    own: ["Show them"],
  },
];

describe.each(["2.1.119", "2.1.177", "2.1.330", "2.1.332"])("Claude Code %s", (version) => {
  test.each(STORIES.map((story) => [story.name, story] as const))(
    "%s",
    async (_, story) => {
      const requests = await upstreamOf(story, await claudeCode(version));
      const last = requests.filter(hasTools).at(-1)!;
      const { messages } = conversationIn(last);
      expect(wordsAfterResults(messages)).toEqual([...story.own]);
      expect(resultsIn(messages)).toContain(story.inResult ?? "");
    },
    120_000,
  );
});

// --- internal ---

/** The requests that arrive upstream behind the proxy. An empty answer is a refusal. */
async function upstreamOf(story: Story, claude: ClaudeCode): Promise<Recorded[]> {
  using user = newUser();
  furnish(user);
  const requests: Recorded[] = [];
  await using upstream = listen(async (request) => {
    const recorded = await record(request);
    if (!isInference(recorded)) return new Response(null, { status: 404 });
    requests.push(recorded);
    const scenario = story.scenario(user);
    if (answerTo(scenario, conversationIn(recorded)).length === 0) return refusal();
    return scriptedAnswer(scenario, recorded, `shape${requests.length}`);
  });
  await using proxy = await startProxy(upstream.origin);
  await live(story, { claude, user, baseUrl: proxy.origin });
  return requests;
}

async function live({ talk }: Story, options: SessionOptions): Promise<void> {
  if (!talk) {
    await runSession("Begin", options);
    return;
  }
  await using chat = startChat(options);
  await talk(chat);
  await chat.close();
}

function refusal(): Response {
  const error = { type: "invalid_request_error", message: "no" };
  return Response.json({ type: "error", error }, { status: 400 });
}

/** A project with a skill, a command, a PDF, and hooks that say something. */
function furnish({ home, project }: User): void {
  write(
    join(project, ".claude/skills/wave"),
    "SKILL.md",
    "---\nname: wave\ndescription: Waves\n---\nRaise a hand.\n",
  );
  write(join(project, ".claude/commands"), "tidy.md", "Put $ARGUMENTS what lies around.\n");
  write(project, "paper.pdf", "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");
  const output = (hookEventName: string) => ({ hookEventName, additionalContext: "Checked." });
  const hook = (event: string) => [
    {
      hooks: [
        { type: "command", command: `echo '${JSON.stringify({ hookSpecificOutput: output(event) })}'` },
      ],
    },
  ];
  const hooks = Object.fromEntries(["PreToolUse", "PostToolUse"].map((event) => [event, hook(event)]));
  write(join(home, ".claude"), "settings.json", JSON.stringify({ hooks }));
}

function write(folder: string, name: string, content: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), content);
}

function conversationIn({ body }: Recorded): Conversation {
  return JSON.parse(new TextDecoder().decode(body)) as Conversation;
}

function hasTools(request: Recorded): boolean {
  return Boolean(conversationIn(request).tools?.length);
}

/** What a template shows as the user's words right after a tool result: blocks of the same turn, and the turn after it. */
function wordsAfterResults(messages: readonly Turn[]): string[] {
  return messages.flatMap((turn, index) => {
    if (turn.role !== "user") return [];
    const before = messages[index - 1];
    const isAfter = before?.role === "user" && blocksIn(before).some(({ type }) => type === "tool_result");
    const results = blocksIn(turn).findLastIndex(({ type }) => type === "tool_result");
    const late = results >= 0 ? blocksIn(turn).slice(results + 1) : isAfter ? blocksIn(turn) : [];
    return late.map((block) => block.text ?? block.type);
  });
}

function resultsIn(messages: readonly Turn[]): string {
  const results = messages.flatMap(blocksIn).filter(({ type }) => type === "tool_result");
  return JSON.stringify(results);
}

function blocksIn({ content }: Turn): readonly { readonly type: string; readonly text?: string }[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}
