import { join } from "node:path";
import type { ClaudeCode } from "../setup/claude-code.ts";
import { type Chat, startChat } from "./chat.ts";
import { newUser, runSession, type SessionOptions } from "./claude.ts";
import { isInference, type Recorded } from "./recording.ts";
import { type Scenario, text, thinking, tool } from "./scenario.ts";
import { startScriptedUpstream } from "./scripted-upstream.ts";

/** Something a user does with Claude Code. Together, the stories produce every kind of request a conversation can have. */
export type Story = (options: SessionOptions) => Promise<void>;

/** A session with a few tool calls, one after another. */
export const toolCalls: Story = (options) => finish("Count the notes", options);

/** The model starts a subagent, which makes a tool call of its own. */
const subagent: Story = (options) => finish("Have the notes read", options);

/** The user stops a tool call that takes too long and asks for something else. */
const interruption: Story = (options) =>
  chat(options, async ({ say, interruptAfter }) => {
    await interruptAfter("Watch the notes");
    await say("Show them instead");
    await say("Show them once more");
  });

/** The conversation is compacted and goes on. Claude Code then includes the file that was shown. */
const compaction: Story = (options) =>
  chat(options, async ({ say }) => {
    await say("Show them once more");
    await say("/compact");
    await say("Count the notes");
  });

/** The user resumes the conversation later. */
const continuation: Story = async (options) => {
  await finish("Count the notes", options);
  await finish("Show them once more", { ...options, args: ["--continue"] });
};

/** The model loads two tools in the middle of the session. */
export const toolSearch: Story = (options) => finish("Fetch a page", options);

/** The model asks for a tool that is there from the start, and for one that is not. */
export const knownTool: Story = (options) => finish("Fetch another page", options);

/** The same number of requests, with all tools loaded from the start. */
export const toolsUpFront: Story = (options) =>
  finish("Count the notes", { ...options, env: { ENABLE_TOOL_SEARCH: "false" } });

/** Two sessions in one project, configured as the README advises. */
const twoSessions: Story = async (options) => {
  const env = { ENABLE_TOOL_SEARCH: "false", CLAUDE_CODE_DISABLE_AUTO_MEMORY: "1" };
  await finish("Count the notes", { ...options, env });
  await finish("Show them once more", { ...options, env });
};

/** The user goes on with a conversation on another model. */
export const modelSwitch: Story = async (options) => {
  await finish("Count the notes", { ...options, env: { ANTHROPIC_MODEL: "model-one" } });
  const env = { ANTHROPIC_MODEL: "model-two" };
  await finish("Show them once more", { ...options, env, args: ["--continue"] });
};

/** One session, and then one in another project of the same user. */
export const projectSwitch: Story = async (options) => {
  await finish("Count the notes", options);
  using elsewhere = newUser("elsewhere");
  const user = { ...options.user, project: elsewhere.project };
  await finish("Show them once more", { ...options, user });
};

/** An MCP server connects during the first tool call, and all tools are sent up front: its tools come with the next request. */
const lateServer: Story = (options) =>
  finish("Wait for the tools", withLateServer(options, { ENABLE_TOOL_SEARCH: "false" }));

/** The same with tool search: the next request only names the new tools, and the model loads one of them later. */
const lateServerSearched: Story = (options) => finish("Wait for the names", withLateServer(options));

/** All stories, by the names used in the tables. */
export const STORIES: Readonly<Record<string, Story>> = {
  "tool calls": toolCalls,
  subagent,
  interruption,
  "/compact": compaction,
  "--continue": continuation,
  ToolSearch: toolSearch,
  "two sessions": twoSessions,
};

/** More of them, for versions of Claude Code that can start without waiting for MCP servers. */
export const LATE_STORIES: Readonly<Record<string, Story>> = {
  "late MCP server": lateServer,
  "late MCP server, ToolSearch": lateServerSearched,
};

/** Plays a story with a new user, without a proxy, and returns the requests that Claude Code made. A version plays each story once. */
export async function recordStory(story: Story, claude: ClaudeCode): Promise<readonly Recorded[]> {
  const own = RECORDINGS.get(story) ?? new Map<string, Promise<readonly Recorded[]>>();
  RECORDINGS.set(story, own);
  const recording = own.get(claude.version) ?? play(story, claude);
  own.set(claude.version, recording);
  return await recording;
}

// --- internal ---

const RECORDINGS = new Map<Story, Map<string, Promise<readonly Recorded[]>>>();

async function play(story: Story, claude: ClaudeCode): Promise<readonly Recorded[]> {
  await using upstream = startScriptedUpstream(SCENARIO);
  using user = newUser();
  await story({ claude, user, baseUrl: upstream.origin });
  return upstream.requests.filter(isInference);
}

const bash = (command: string) => tool("Bash", { command, description: `Run ${command}` });

/** Lets the late MCP server answer, and goes on when the client has its tools. */
const waitForServer = bash("touch wanted; until [ -e listed ]; do sleep 0.1; done; sleep 1");

/** Every answer except the last contains thinking: many templates render it only while its tool loop runs. */
const SCENARIO: Scenario = {
  "Count the notes": [
    [thinking("wc counts lines."), text("I count."), bash("wc -l notes.txt")],
    [thinking("Now the bytes."), bash("wc -c notes.txt")],
    [thinking("That is all."), text("One line, nine bytes.")],
  ],
  "Have the notes read": [
    [thinking("Someone else reads."), tool("Task", task("Read the notes aloud"))],
    [thinking("They did."), text("They were read.")],
  ],
  "Read the notes aloud": [
    [thinking("cat shows them."), bash("cat notes.txt")],
    [thinking("Short."), text("They say: one line.")],
  ],
  "Watch the notes": [[thinking("tail follows them."), text("I watch."), bash("tail -f notes.txt")]],
  "Show them instead": [[thinking("cat, then."), bash("cat notes.txt")], [text("One line.")]],
  "Show them once more": [[thinking("Again."), bash("cat notes.txt")], [text("Still one line.")]],
  "Fetch a page": [
    [thinking("I need tools."), tool("ToolSearch", { query: "select:WebFetch,NotebookEdit" })],
    [thinking("They are here."), bash("cat notes.txt")],
    [text("Nothing to fetch.")],
  ],
  "Wait for the tools": [
    [thinking("They come."), waitForServer],
    [thinking("They are here."), bash("cat notes.txt")],
    [text("Nothing to lift.")],
  ],
  "Wait for the names": [
    [thinking("They come."), waitForServer],
    [thinking("They are named."), bash("cat notes.txt")],
    [thinking("One is enough."), tool("ToolSearch", { query: "select:mcp__late__lift" })],
    [text("Nothing to lift.")],
  ],
  "Fetch another page": [
    [thinking("I need tools."), tool("ToolSearch", { query: "select:Bash,WebFetch" })],
    [thinking("One more."), tool("ToolSearch", { query: "select:Read,Monitor" })],
    [text("Nothing to fetch.")],
  ],
};

/**
 * Without a terminal Claude Code waits for its MCP servers before the first request, unless this variable limits it (2.1.274 or later). In a
 * terminal it does not wait.
 */
function withLateServer(options: SessionOptions, env: Record<string, string> = {}): SessionOptions {
  const script = join(import.meta.dir, "late-mcp-server.ts");
  const late = { command: process.execPath, args: [script, options.user.project] };
  return {
    ...options,
    env: { CLAUDE_CODE_MCP_STARTUP_WAIT_MS: "0", ...env },
    args: ["--mcp-config", JSON.stringify({ mcpServers: { late } })],
  };
}

function task(prompt: string) {
  return { subagent_type: "general-purpose", description: "Do a part", prompt };
}

async function finish(words: string, options: SessionOptions): Promise<void> {
  const { exitCode, output, messages } = await runSession(words, options);
  if (exitCode !== 0) throw new Error(`Claude Code ended with ${exitCode}:\n${output}\n${messages}`);
}

async function chat(options: SessionOptions, talk: (chat: Chat) => Promise<void>): Promise<void> {
  await using session = startChat(options);
  await talk(session);
  const exitCode = await session.close();
  if (exitCode !== 0) throw new Error(`Claude Code ended with ${exitCode}`);
}
