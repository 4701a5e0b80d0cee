import { type CommandDef, defineCommand } from "citty";
import pkg from "../../package.json" with { type: "json" };
import { DOCTOR_ARGS, type DoctorOptions, readDoctorOptions } from "./doctor/options.ts";
import { ARGS, type Options, readOptions, UsageError } from "./options.ts";
import { RUN_ARGS, type RunOptions, readRunOptions } from "./run/options.ts";

const run = defineCommand({
  meta: {
    name: "run",
    version: pkg.version,
    description: "Start a command, such as Claude Code, with a proxy of its own: cache-proxy run -- claude",
  },
  args: RUN_ARGS,
});

const doctor = defineCommand({
  meta: {
    name: "doctor",
    version: pkg.version,
    description: "Find out what keeps the KV cache from being used",
  },
  args: DOCTOR_ARGS,
});

/** The definition that `--help`, the man page and the shell completions are rendered from. Without a command it serves. */
export const command = defineCommand({
  meta: { name: pkg.name, version: pkg.version, description: pkg.description },
  args: ARGS,
  subCommands: { run, doctor },
});

/** What the user wants, checked. */
export type CommandLine =
  | { readonly name: "serve"; readonly options: Options }
  | { readonly name: "run"; readonly options: RunOptions }
  | { readonly name: "doctor"; readonly options: DoctorOptions }
  | { readonly name: "version" }
  | { readonly name: "forget" }
  /** Of the command, or of one of its subcommands. */
  | { readonly name: "help"; readonly of: CommandDef; readonly parent?: CommandDef };

/** Reads the arguments, without the program's own name. What follows `--` belongs to the command that `run` starts. Throws a `UsageError`. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const [first = "", ...flags] = argv.slice(0, end);
  if (first === "run") return readRun(flags, argv.slice(end + 1));
  if (first === "doctor") return readDoctor([...flags, ...argv.slice(end)]);
  if (/^[a-z]/.test(first)) throw new UsageError(`unknown command ${JSON.stringify(first)}; see --help`);
  const options = readOptions(argv);
  if (options === "version" || options === "forget") return { name: options };
  return options === "help" ? help(command) : { name: "serve", options };
}

// --- internal ---

function readRun(flags: readonly string[], words: readonly string[]): CommandLine {
  const options = readRunOptions(flags, words);
  if (options === "version") return { name: "version" };
  return options === "help" ? help(run, command) : { name: "run", options };
}

function readDoctor(flags: readonly string[]): CommandLine {
  const options = readDoctorOptions(flags);
  return options === "help" ? help(doctor, command) : { name: "doctor", options };
}

function help(of: unknown, parent?: unknown): CommandLine {
  return { name: "help", of: of as CommandDef, ...(parent ? { parent: parent as CommandDef } : {}) };
}
