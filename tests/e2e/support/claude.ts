import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClaudeCode } from "../setup/claude-code.ts";
import { startChild, within } from "./child.ts";

/** A computer's user with nothing of their own: an empty home and one project folder. Sessions in it can be continued. */
export interface User extends Disposable {
  readonly home: string;
  readonly project: string;
}

export interface SessionOptions {
  readonly claude: ClaudeCode;
  readonly user: User;
  /** Where Claude Code sends its requests. */
  readonly baseUrl: string;
  /** More switches in the environment, such as ENABLE_TOOL_SEARCH. */
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  /** The session is stopped after so many milliseconds; 2 minutes if not given, where a few seconds are normal. */
  readonly longestMs?: number;
}

export interface Session {
  readonly exitCode: number;
  readonly output: string;
  readonly messages: string;
}

const ALLOWED = ["Bash", "Task", "Agent", "Read", "ToolSearch", "NotebookEdit", "WebFetch"];

/** Only a session that hangs takes this long: against the scripted upstream each takes a few seconds. */
export const LONGEST_SESSION_MS = 120_000;

/** Makes a user in a temporary folder. `project` names its folder, which the system prompt mentions. */
export function newUser(project = "project"): User {
  const root = mkdtempSync(join(tmpdir(), "cache-proxy-e2e-"));
  const user = { home: join(root, "home"), project: join(root, project) };
  mkdirSync(user.home);
  mkdirSync(user.project);
  writeFileSync(join(user.project, "notes.txt"), "one line\n");
  return { ...user, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

/** Runs `claude -p words` to its end. A session that hangs is stopped with everything it started, and throws. */
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

/** Claude Code without a terminal, with `words` to begin with. Permission for the tools is given: nobody is there to ask. */
export function commandLine({ claude, args = [] }: SessionOptions, words: readonly string[]): string[] {
  return [...claude.command, "-p", ...words, ...args, "--allowedTools", ALLOWED.join(",")];
}

/** The environment of a session, made from nothing: no key, proxy or setting of whoever runs the tests gets in. */
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
