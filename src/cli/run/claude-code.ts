import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the command's first word starts Claude Code. */
export function isClaudeCode(program: string): boolean {
  return /^claude(?:\.exe|\.cmd)?$/i.test(basename(program.replaceAll("\\", "/")));
}

/** The version that the program reports, such as `2.1.332`; `undefined` where it reports none within 5 seconds. */
export async function versionOf(program: string): Promise<string | undefined> {
  try {
    const child = Bun.spawn([program, "--version"], {
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 5_000,
    });
    return /^\d+\.\d+\.\d+/.exec(await new Response(child.stdout).text())?.[0];
  } catch {
    return undefined;
  }
}

/**
 * The `env` blocks of the settings that Claude Code reads when it starts in `folder`; a later one outranks an earlier one, and all of them
 * outrank the process environment (https://code.claude.com/docs/en/settings). Files that are not there or not JSON count as empty.
 */
export function settingsEnv(folder: string, env: Environment): Record<string, string> {
  const own = env.CLAUDE_CONFIG_DIR || join(env.HOME || homedir(), ".claude");
  const files = [
    join(own, "settings.json"),
    join(folder, ".claude/settings.json"),
    join(folder, ".claude/settings.local.json"),
    MANAGED[process.platform] ?? MANAGED.linux!,
  ];
  return Object.assign({}, ...files.map((file) => envOf(readFile(file))));
}

/** The settings given as `--settings`, JSON or a file; `undefined` where they cannot be read, which the command then reports itself. */
export function readSettings(value: string): Record<string, unknown> | undefined {
  return parse(value.trimStart().startsWith("{") ? value : readFile(value));
}

// --- internal ---

const MANAGED: Readonly<Record<string, string>> = {
  darwin: "/Library/Application Support/ClaudeCode/managed-settings.json",
  linux: "/etc/claude-code/managed-settings.json",
  win32: "C:\\Program Files\\ClaudeCode\\managed-settings.json",
};

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function envOf(text: string | undefined): Record<string, string> {
  const { env } = parse(text) ?? {};
  if (typeof env !== "object" || env === null) return {};
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
}
