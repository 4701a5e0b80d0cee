import type { ArgsDef } from "citty";
import { ARGS, type Options, optionsFrom, parseFlags, UsageError } from "../options.ts";
import { SHELLS, type Shell } from "./shell.ts";
import { splitWords } from "./words.ts";

/** The checked options of `cache-proxy run`. */
export interface RunOptions extends Options {
  /** The command and its arguments, at least one word. */
  readonly command: readonly string[];
  /** The command that starts the server, if `run` is to start it; at least one word. */
  readonly server: readonly string[] | undefined;
  /** Whether `--upstream` was given. */
  readonly hasUpstream: boolean;
  /** Whether a flag was given that a proxy which is already running may not have been started with. */
  readonly needsOwnProxy: boolean;
  readonly wait: boolean;
  readonly dryRun: boolean;
  readonly shell: Shell | undefined;
  readonly logFile: string | undefined;
}

const { forget: _, ...PROXY_ARGS } = ARGS;

/** The flags of the proxy, with a port of its own, and those of `run`. */
export const RUN_ARGS = {
  ...PROXY_ARGS,
  port: { ...ARGS.port, default: "0" },
  wait: { type: "boolean", description: "Wait for llama-server if it does not answer yet" },
  server: {
    type: "string",
    valueHint: "command",
    description: "Also start this llama-server, restart it after a crash, and stop it at the end",
  },
  "log-file": {
    type: "string",
    valueHint: "path",
    description: "File for the log of the proxy, instead of a new one in the user's folder for logs",
  },
  "dry-run": {
    type: "boolean",
    description: "Print the environment and the command instead of starting anything",
  },
  shell: {
    type: "enum",
    options: [...SHELLS],
    description: "Shell that --dry-run prints for; by default the one in SHELL",
  },
} as const satisfies ArgsDef;

/** Reads the flags of `run` and the command after `--`. Throws a `UsageError`. */
export function readRunOptions(
  argv: readonly string[],
  command: readonly string[],
): RunOptions | "help" | "version" {
  const flags = parseRunFlags(argv);
  if (flags.help) return "help";
  if (flags.version) return "version";
  if (command.length === 0) throw new UsageError(NO_COMMAND);
  return Object.freeze({
    ...optionsFrom(flags),
    command,
    server: readServer(flags.server),
    hasUpstream: isGiven(argv, "upstream"),
    needsOwnProxy: Object.keys(PROXY_ARGS).some((name) => !SHAREABLE.has(name) && isGiven(argv, name)),
    wait: flags.wait === true,
    dryRun: flags["dry-run"] === true,
    shell: readShell(flags.shell),
    logFile: flags["log-file"] as string | undefined,
  });
}

// --- internal ---

const NO_COMMAND = "run needs a command after --, as in: cache-proxy run -- claude";

/** A proxy that is already running may be used whatever these say. */
const SHAREABLE: ReadonlySet<string> = new Set(["upstream", "port", "quiet"]);

function parseRunFlags(argv: readonly string[]): ReturnType<typeof parseFlags> {
  try {
    return parseFlags(argv, RUN_ARGS);
  } catch (error) {
    const { message } = error as Error;
    throw message.startsWith("Unexpected argument") ? new UsageError(`${message}; ${NO_COMMAND}`) : error;
  }
}

function isGiven(argv: readonly string[], name: string): boolean {
  return argv.some((word) => word === `--${name}` || word.startsWith(`--${name}=`));
}

function readServer(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const words = splitWords(String(value));
  if (!words) throw new UsageError(`--server ${JSON.stringify(value)}: a quote is not closed`);
  if (words.length === 0)
    throw new UsageError(`--server "": must be a command such as "llama-server -m model.gguf"`);
  return words;
}

function readShell(value: unknown): Shell | undefined {
  if (value === undefined || SHELLS.includes(value as Shell)) return value as Shell | undefined;
  throw new UsageError(`--shell ${JSON.stringify(value)}: must be ${SHELLS.join(" or ")}`);
}
