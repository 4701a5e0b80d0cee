import { type Flag, readFlags, readSubcommands, type Subcommand } from "../flags.ts";

/** Renders the completion for fish. */
export function fishCompletion(flags: readonly Flag[] = readFlags()): string {
  const subcommands = readSubcommands();
  const names = subcommands.map(({ name }) => name).join(" ");
  const lines = [
    ...flags.map((flag) => line(`not __fish_seen_subcommand_from ${names}`, flag)),
    ...subcommands.flatMap(subcommandLines),
  ];
  return `# fish completion for cache-proxy
complete -c cache-proxy -f
${lines.join("\n")}
`;
}

// --- internal ---

function subcommandLines(subcommand: Subcommand): string[] {
  const { name, flags } = subcommand;
  return [
    `complete -c cache-proxy -n __fish_use_subcommand -a ${name} -d ${text(subcommand)}`,
    ...flags.map((flag) => line(`__fish_seen_subcommand_from ${name}`, flag)),
  ];
}

function line(condition: string, flag: Flag): string {
  return `complete -c cache-proxy -n '${condition}' -l ${flag.name} ${valueOptions(flag)}-d ${text(flag)}`;
}

/** `-x`: the flag takes a value that is not a file name. */
function valueOptions({ value, choices }: Flag): string {
  if (value === undefined) return "";
  return choices.length > 0 ? `-x -a '${choices.join(" ")}' ` : "-x ";
}

function text({ description }: Pick<Flag, "description">): string {
  return `'${description.replace(/[\\']/g, "\\$&")}'`;
}
