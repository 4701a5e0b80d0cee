import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./setup/cache.ts";
import type { ClaudeCode } from "./setup/claude-code.ts";
import { within } from "./support/child.ts";
import { environment, newUser, runSession, type SessionOptions, type User } from "./support/claude.ts";
import { isInference, type Recorded } from "./support/recording.ts";
import { type Scenario, text, tool } from "./support/scenario.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "./support/scripted-upstream.ts";

/** With `-p`, or interactively in a terminal. */
export type Mode = "print" | "terminal";

/** The first request of a session in a project, and the first one of its subagent. */
export interface Sessions {
  readonly main: Recorded;
  readonly subagent: Recorded;
}

const WORDS = ["Count the notes", "Water the plants"] as const;

/**
 * Runs one session in each of two projects of one user. They differ in their names (the second one has letters beyond ASCII and needs
 * escapes in JSON), in CLAUDE.md, and in their git history.
 */
export async function recordProjects(claude: ClaudeCode, mode: Mode): Promise<[Sessions, Sessions]> {
  using user = newUser("papers");
  const other = { ...user, project: join(dirname(user.project), 'Gärten "Süd" 漢') };
  await furnish(user, "Notes are short.\n", ["one"]);
  await furnish(other, "Plants come first.\nThen the rest.\n", ["first", "second", "third"]);
  return [await record(claude, mode, user, WORDS[0]), await record(claude, mode, other, WORDS[1])];
}

// --- internal ---

function scenarioOf(words: string): Scenario {
  const task = { subagent_type: "general-purpose", description: "Look", prompt: "Look around" };
  return { [words]: [[tool("Task", task)], [text("Done.")]], "Look around": [[text("Nothing to see.")]] };
}

async function furnish({ home, project }: User, rules: string, commits: readonly string[]): Promise<void> {
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, "CLAUDE.md"), rules);
  const trusted = { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true };
  const settings = join(home, ".claude.json");
  const known = (await Bun.file(settings).exists()) ? await Bun.file(settings).json() : { projects: {} };
  const projects = { ...known.projects, [project]: trusted };
  writeFileSync(settings, JSON.stringify({ hasCompletedOnboarding: true, theme: "dark", projects }));
  const git = (...args: string[]) =>
    run(["git", "-C", project, "-c", "user.name=n", "-c", "user.email=n@example.com", ...args]);
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  for (const message of commits) await git("commit", "--quiet", "--allow-empty", "--message", message);
}

async function record(claude: ClaudeCode, mode: Mode, user: User, words: string): Promise<Sessions> {
  await using upstream = startScriptedUpstream(scenarioOf(words));
  const options = { claude, user, baseUrl: upstream.origin };
  if (mode === "print") await runSession(words, options);
  else await talkInTerminal(words, options, upstream);
  const [main, subagent] = firstOfEach(upstream);
  if (!main || !subagent) throw new Error(`${upstream.requests.length} requests, but not from both agents`);
  return { main, subagent };
}

function firstOfEach({ requests }: ScriptedUpstream): [Recorded | undefined, Recorded | undefined] {
  const inTools = requests.filter((request) => isInference(request) && bodyOf(request).tools?.length > 0);
  const isSubagent = ({ headers }: Recorded) => headers.has("x-claude-code-agent-id");
  return [inTools.find((request) => !isSubagent(request)), inTools.find(isSubagent)];
}

function bodyOf({ body }: Recorded) {
  return JSON.parse(Buffer.from(body).toString());
}

/** Types the words into an interactive session, and ends it when the subagent has sent its first request. */
async function talkInTerminal(
  words: string,
  options: SessionOptions,
  upstream: ScriptedUpstream,
): Promise<void> {
  let screen = "";
  const show = (_: unknown, bytes: Uint8Array) => {
    screen += Buffer.from(bytes).toString();
  };
  // Auto mode, the default since 2.1.330, asks a classifier that only Anthropic's servers have.
  const flags = ["--permission-mode", "default", "--allowedTools", "Task,Agent"];
  const child = Bun.spawn([...options.claude.command, ...flags], {
    cwd: options.user.project,
    env: { ...environment(options), TERM: "xterm-256color" },
    terminal: { cols: 120, rows: 40, data: show },
  });
  const until = async (isThere: () => boolean) => {
    while (!isThere()) await Bun.sleep(100);
  };
  const typed = async () => {
    await until(() => screen.includes("❯") || screen.includes(">"));
    // The first key that comes while the screen is still being drawn is lost.
    while (!screen.includes(words.slice(-5))) {
      child.terminal?.write(words);
      await Bun.sleep(1_000);
    }
    child.terminal?.write("\r");
    await until(() => firstOfEach(upstream).every(Boolean));
  };
  try {
    await within(60_000, typed(), () => screen);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}
