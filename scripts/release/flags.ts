import type { ArgDef, ArgsDef, CommandDef } from "citty";
import { command } from "../../src/cli/commands.ts";

/** A command-line flag, for the man page and the completions. */
export interface Flag {
  readonly name: string;
  /** Its one-letter form. */
  readonly short: string | undefined;
  readonly description: string;
  /** The placeholder for its value, as in `--port port`, or its choices joined by `|`. Undefined for a switch. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
  readonly default: string | undefined;
  readonly repeatable: boolean;
}

/** Returns the flags of the command's definition, in its order, so that the documents match `--help`. */
export function readFlags(args: ArgsDef = command.args as ArgsDef): Flag[] {
  return Object.entries(args).map(([name, arg]) => readFlag(name, arg));
}

/** A subcommand, for the man page and the completions. */
export interface Subcommand {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly Flag[];
}

/** Returns the subcommands of the command's definition, in its order. */
export function readSubcommands(): Subcommand[] {
  return Object.entries(command.subCommands as Record<string, CommandDef>).map(([name, { meta, args }]) => ({
    name,
    description: (meta as { description: string }).description,
    flags: readFlags(args as ArgsDef),
  }));
}

// --- internal ---

function readFlag(name: string, arg: ArgDef): Flag {
  const description = arg.description ?? "";
  const takesValue = arg.type === "string" || arg.type === "enum";
  const choices = arg.type === "enum" ? (arg.options ?? []) : [];
  const aliases = "alias" in arg ? [arg.alias].flat() : [];
  return {
    name,
    short: aliases.find((alias) => alias?.length === 1),
    description,
    value: takesValue ? (arg.valueHint ?? (choices.join("|") || name)) : undefined,
    choices,
    default: takesValue && arg.default !== undefined ? String(arg.default) : undefined,
    // citty has no field for this, so the description says it.
    repeatable: description.includes("may be repeated"),
  };
}
