import type { ArgDef, ArgsDef } from "citty";
import { command } from "../../src/cli/options.ts";

/** One flag of the command, as the man page and the completions need it. */
export interface Flag {
  readonly name: string;
  /** Its one letter, where it has one. */
  readonly short: string | undefined;
  readonly description: string;
  /** The word for its value, as in `--port port`, or its choices; absent for a flag that takes none. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
  readonly default: string | undefined;
  readonly repeatable: boolean;
}

/** The flags of the command's own definition, in its order: what is rendered from them cannot drift from `--help`. */
export function readFlags(args: ArgsDef = command.args as ArgsDef): Flag[] {
  return Object.entries(args).map(([name, arg]) => readFlag(name, arg));
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
    // citty has no field for it, so the description is where the definition says it.
    repeatable: description.includes("may be repeated"),
  };
}
