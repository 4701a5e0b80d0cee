import { type Flag, readFlags } from "../flags.ts";

/** Renders the completion for fish. */
export function fishCompletion(flags: readonly Flag[] = readFlags()): string {
  const lines = flags.map(
    (flag) => `complete -c cache-proxy -l ${flag.name} ${valueOptions(flag)}-d ${text(flag)}`,
  );
  return `# fish completion for cache-proxy
complete -c cache-proxy -f
${lines.join("\n")}
`;
}

// --- internal ---

/** `-x`: the flag takes a value that is not a file name. */
function valueOptions({ value, choices }: Flag): string {
  if (value === undefined) return "";
  return choices.length > 0 ? `-x -a '${choices.join(" ")}' ` : "-x ";
}

function text({ description }: Flag): string {
  return `'${description.replace(/[\\']/g, "\\$&")}'`;
}
