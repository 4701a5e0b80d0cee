import { type Flag, readFlags, readSubcommands } from "../flags.ts";

/** Renders the completion function `_cache-proxy`, for a folder in zsh's `fpath`. */
export function zshCompletion(flags: readonly Flag[] = readFlags()): string {
  const subcommands = readSubcommands();
  const branches = subcommands.map(({ name, flags: own }) => {
    const rest = name === "run" ? ["'*::command: _normal'"] : [];
    return `${name}) shift words; (( CURRENT-- )); _arguments -s -S ${[...specs(own), ...rest].join(" ")} ;;`;
  });
  const names = subcommands.map(({ name, description }) => `'${quote(`${name}:${description}`)}'`);
  return `#compdef cache-proxy
case $words[2] in
${branches.join("\n")}
*)
(( CURRENT == 2 )) && [[ $PREFIX != -* ]] && { local -a commands=(${names.join(" ")}); _describe command commands }
_arguments -s -S \\
${specs(flags)
  .map((text) => `  ${text}`)
  .join(" \\\n")} ;;
esac
`;
}

// --- internal ---

function specs(flags: readonly Flag[]): string[] {
  return flags.map((flag) => `'${quote(spec(flag))}'`);
}

/** `--flag=[description]:value:(choices)`; see "_arguments" in zshcompsys(1). */
function spec({ name, description, value, choices, repeatable }: Flag): string {
  const text = description.replace(/[\\[\]:]/g, "\\$&");
  if (value === undefined) return `--${name}[${text}]`;
  const words = choices.length > 0 ? `(${choices.join(" ")})` : " ";
  return `${repeatable ? "*" : ""}--${name}=[${text}]:${value}:${words}`;
}

function quote(text: string): string {
  return text.replaceAll("'", "'\\''");
}
