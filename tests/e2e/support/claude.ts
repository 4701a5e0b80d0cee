import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClaudeCode } from "../setup/claude-code.ts";
import { startChild, within } from "./child.ts";

/** A user with an empty home and one project folder. Their sessions can be continued. */
export interface User extends Disposable {
  readonly home: string;
  readonly project: string;
}

export interface SessionOptions {
  readonly claude: ClaudeCode;
  readonly user: User;
  /** The server that Claude Code sends its requests to. */
  readonly baseUrl: string;
  /** More environment variables, such as ENABLE_TOOL_SEARCH. */
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  /** The session is killed after so many milliseconds. 2 minutes if not given; a few seconds are normal. */
  readonly longestMs?: number;
}

export interface Session {
  readonly exitCode: number;
  readonly output: string;
  readonly messages: string;
}

const ALLOWED = ["Bash", "Task", "Agent", "Read", "ToolSearch", "NotebookEdit", "WebFetch"];

/** Only a session that hangs takes this long: with the scripted upstream, each takes a few seconds. */
export const LONGEST_SESSION_MS = 120_000;

/** Creates a user in a temporary folder. `project` is the name of the project folder, which the system prompt contains. */
export function newUser(project = "project"): User {
  const root = mkdtempSync(join(tmpdir(), "cache-proxy-e2e-"));
  const user = { home: join(root, "home"), project: join(root, project) };
  mkdirSync(user.home);
  mkdirSync(user.project);
  writeFileSync(join(user.project, "notes.txt"), "one line\n");
  return { ...user, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

/** Runs `claude -p words` to its end. Kills a session that hangs, with everything it started, and throws. */
export async function runSession(words: string, options: SessionOptions): Promise<Session> {
  await using child = startChild(commandLine(options, [words]), {
    cwd: options.user.project,
    env: environment(options),
  });
  child.closeInput();
  const state = () => `${child.output()}\n${child.messages()}`;
  const exitCode = await within(options.longestMs ?? LONGEST_SESSION_MS, child.exited, state);
  return { exitCode, output: child.output(), messages: child.messages() };
}

/** Claude Code without a terminal, starting with `words`. Its tools are allowed, since nobody is there to ask. */
export function commandLine({ claude, args = [] }: SessionOptions, words: readonly string[]): string[] {
  return [...claude.command, "-p", ...words, ...args, "--allowedTools", ALLOWED.join(",")];
}

/** The whole environment of a session. It inherits no key, proxy or setting from whoever runs the tests. */
export function environment({ user, baseUrl, env }: SessionOptions): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: user.home,
    TERM: "dumb",
    LANG: "C.UTF-8",
    ANTHROPIC_BASE_URL: baseUrl,
    ANTHROPIC_AUTH_TOKEN: "any",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_TELEMETRY: "1",
    ...env,
  };
}
