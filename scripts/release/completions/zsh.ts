import { type Flag, readFlags } from "../flags.ts";

/** Renders the completion function `_cache-proxy`, for a folder in zsh's `fpath`. */
export function zshCompletion(flags: readonly Flag[] = readFlags()): string {
  const specs = flags.map((flag) => `  '${quote(spec(flag))}'`);
  return `#compdef cache-proxy
_arguments -s -S \\
${specs.join(" \\\n")}
`;
}

// --- internal ---

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
