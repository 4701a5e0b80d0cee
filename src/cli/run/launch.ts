import type { Launch } from "./shell.ts";

/** What decides how a command is started. */
export interface Known {
  /** Where the proxy listens, without a slash at the end. */
  readonly url: string;
  /** The model that the client is to ask for; `undefined` leaves the choice to the client. */
  readonly model: string | undefined;
  /** Tokens of context of one slot. */
  readonly context: number | undefined;
  /** The variables that the user has set, in the environment or in Claude Code's settings. */
  readonly user: Readonly<Record<string, string | undefined>>;
  /** Of Claude Code; `undefined` where it is not known. */
  readonly version: string | undefined;
  /** The settings that the user passes with `--settings`, if that is JSON. */
  readonly readSettings: (value: string) => Record<string, unknown> | undefined;
}

/** How to start any other command: with the base URLs of both APIs. */
export function launchOther(command: readonly string[], { url }: Pick<Known, "url">): Launch {
  return { env: { ANTHROPIC_BASE_URL: url, OPENAI_BASE_URL: `${url}/v1` }, command };
}

/** How to start Claude Code so that it talks to the proxy and keeps the cache warm. What the user has set stays as it is. */
export function launchClaudeCode(command: readonly string[], known: Known): Launch {
  const { url, user, version } = known;
  const providers = PROVIDERS.filter((name) => isOn(user[name]));
  // These must win over the user's settings files, whose env blocks outrank the environment.
  const forced = { ANTHROPIC_BASE_URL: url, ...Object.fromEntries(providers.map((name) => [name, "0"])) };
  const wanted = { ...credentials(known), ...models(known), ...cacheSettings(known) };
  const added = Object.entries(wanted).filter(([name]) => user[name] === undefined);
  return {
    env: { ...forced, ...Object.fromEntries(added) },
    command: withArguments(command, forced, version, known.readSettings),
  };
}

// --- internal ---

/** With one of these set, Claude Code ignores its base URL. */
const PROVIDERS = ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"];

/** Every name that a model of Anthropic is asked for by, as for subagents and titles. */
const MODEL_NAMES = [
  "ANTHROPIC_MODEL",
  "ANTHROPIC_DEFAULT_OPUS_MODEL",
  "ANTHROPIC_DEFAULT_SONNET_MODEL",
  "ANTHROPIC_DEFAULT_HAIKU_MODEL",
];

/** The oldest version that each was tried with; older ones may know it too. */
const SINCE = {
  toolSearch: "2.1.63",
  contextTokens: "2.1.119",
  staticSystemPrompt: "2.1.119",
  hintHeaders: "2.1.330",
};

function isOn(value: string | undefined): boolean {
  return value !== undefined && !/^(?:|0|false|no|off)$/i.test(value);
}

/** Claude Code asks the user to log in unless it has a key; llama-server takes any. */
function credentials({ user }: Known): Record<string, string> {
  return user.ANTHROPIC_API_KEY === undefined ? { ANTHROPIC_AUTH_TOKEN: "local" } : {};
}

function models({ model }: Known): Record<string, string> {
  return model === undefined ? {} : Object.fromEntries(MODEL_NAMES.map((name) => [name, model]));
}

function cacheSettings({ version, context }: Known): Record<string, string> {
  return {
    // Otherwise tools that are loaded later change the head of the prompt.
    ...(isAtLeast(version, SINCE.toolSearch) && { ENABLE_TOOL_SEARCH: "false" }),
    ...(isAtLeast(version, SINCE.contextTokens) && contextSettings(context)),
    // The proxy's log then tells main, subagent and auxiliary requests apart.
    ...(isAtLeast(version, SINCE.hintHeaders) && { CLAUDE_CODE_GATEWAY_HINT_HEADERS: "1" }),
  };
}

/**
 * Claude Code takes an unknown model's context for 200 000 tokens, and compacts too late. Told the context, it compacts (measured with
 * 2.1.332) at the context less 13 000 tokens and less the longest answer, of which at most 20 000 count; a shorter longest answer leaves
 * more of a small context for the work.
 */
export function contextSettings(context: number | undefined): Record<string, string> {
  if (context === undefined || context < LEAST_CONTEXT) return {};
  return {
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(context),
    ...(context < ROOMY_CONTEXT && { CLAUDE_CODE_MAX_OUTPUT_TOKENS: "8192" }),
  };
}

/** With less, Claude Code would compact in every turn, as its own prompt takes about 20 000 tokens; llama-server's error is then the better sign. */
export const LEAST_CONTEXT = 49_152;
const ROOMY_CONTEXT = 100_000;

function isAtLeast(version: string | undefined, least: string): boolean {
  return version !== undefined && Bun.semver.order(version, least) >= 0;
}

function withArguments(
  [program = "", ...rest]: readonly string[],
  forced: Readonly<Record<string, string>>,
  version: string | undefined,
  readSettings: Known["readSettings"],
): string[] {
  const given = settingsIn(rest);
  const settings = given ? readSettings(given.value) : {};
  // Settings that cannot be read are left for Claude Code to report.
  const merged = settings && { ...settings, env: { ...asRecord(settings.env), ...forced } };
  return [
    program,
    ...(merged ? ["--settings", JSON.stringify(merged)] : []),
    // Interactively the flag has no effect.
    ...(isPrinting(rest) && isAtLeast(version, SINCE.staticSystemPrompt) && !rest.includes(STATIC)
      ? [STATIC]
      : []),
    ...(merged && given ? rest.toSpliced(given.at, given.words) : rest),
  ];
}

const STATIC = "--exclude-dynamic-system-prompt-sections";

function isPrinting(words: readonly string[]): boolean {
  return words.includes("-p") || words.includes("--print");
}

function settingsIn(words: readonly string[]): { value: string; at: number; words: number } | undefined {
  const at = words.findIndex((word) => word === "--settings" || word.startsWith("--settings="));
  const word = words[at];
  if (word === undefined) return undefined;
  if (word !== "--settings") return { value: word.slice("--settings=".length), at, words: 1 };
  const value = words[at + 1];
  return value === undefined ? undefined : { value, at, words: 2 };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
