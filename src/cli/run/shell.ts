/** The shells that `--dry-run` can print for. */
export const SHELLS = ["sh", "fish", "powershell"] as const;
export type Shell = (typeof SHELLS)[number];

/** What to run and with which additions to the environment; `undefined` removes a variable. */
export interface Launch {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly command: readonly string[];
}

/** The user's shell as the environment names it. */
export function shellOf(env: Readonly<Record<string, string | undefined>>, platform: string): Shell {
  if (/(?:^|\/)fish$/.test(env.SHELL ?? "")) return "fish";
  return platform === "win32" && !env.SHELL ? "powershell" : "sh";
}

/** A command as one line of the shell. Keys in `--settings` and after llama-server's flags for keys are masked. */
export function commandLine(command: readonly string[], shell: Shell): string {
  const { call, quote } = DIALECTS[shell];
  return call(command.map((word, index) => quote(masked(word, command[index - 1]))).join(" "));
}

/** Lines to paste into the shell: they set the environment and start the command. Values of keys in `--settings` are masked. */
export function script({ env, command }: Launch, shell: Shell): string {
  const { set, unset, quote } = DIALECTS[shell];
  const lines = Object.entries(env).map(([name, value]) =>
    value === undefined ? unset(name) : set(name, quote(value)),
  );
  return [...lines, commandLine(command, shell)].join("\n");
}

// --- internal ---

interface Dialect {
  readonly set: (name: string, value: string) => string;
  readonly unset: (name: string) => string;
  readonly call: (words: string) => string;
  readonly quote: (text: string) => string;
}

const PLAIN = /^[\w./:@%+,-]+$/;

const DIALECTS: Readonly<Record<Shell, Dialect>> = {
  sh: {
    set: (name, value) => `export ${name}=${value}`,
    unset: (name) => `unset ${name}`,
    call: (words) => words,
    quote: (text) => (PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`),
  },
  fish: {
    set: (name, value) => `set -gx ${name} ${value}`,
    unset: (name) => `set -e ${name}`,
    call: (words) => words,
    quote: (text) => (PLAIN.test(text) ? text : `'${text.replace(/[\\']/g, "\\$&")}'`),
  },
  powershell: {
    set: (name, value) => `$env:${name} = ${value}`,
    unset: (name) => `Remove-Item Env:${name} -ErrorAction Ignore`,
    call: (words) => `& ${words}`,
    quote: (text) => `'${text.replaceAll("'", "''")}'`,
  },
};

const SECRET = /("[^"]*(?:KEY|TOKEN|SECRET|PASSWORD|HEADERS)[^"]*"\s*:\s*")(?:[^"\\]|\\.)*(")/gi;

/** llama.cpp, common/arg.cpp */
const SECRET_FLAG = /^(--api-key|--hf-token|-hft)(?:=|$)/;

/** Of other words only JSON, as given to `--settings`, holds names next to values. */
function masked(word: string, before = ""): string {
  if (SECRET_FLAG.test(before) && !before.includes("=")) return MASK;
  if (SECRET_FLAG.test(word)) return word.replace(/=.*/s, `=${MASK}`);
  return word.startsWith("{") ? word.replace(SECRET, `$1${MASK}$2`) : word;
}

const MASK = "****";
