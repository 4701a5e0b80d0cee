import { type Flag, readFlags, readSubcommands } from "../flags.ts";

/** Renders the completion for bash 3.2 (which macOS ships) and later, without the bash-completion package. */
export function bashCompletion(flags: readonly Flag[] = readFlags()): string {
  const first = readSubcommands().map(({ name }) => name);
  return `# bash completion for cache-proxy
_cache_proxy() {
  local word=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD - 1]} at
  # What follows "run --" is another command.
  for ((at = 2; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[1]} == run && \${COMP_WORDS[at]} == -- ]]; then
      COMPREPLY=($(compgen -c -- "$word"))
      return
    fi
  done
  # bash splits "--tools=st" into three words.
  if [[ $word == "=" ]]; then
    word=
  elif [[ $flag == "=" ]]; then
    flag=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case \${COMP_WORDS[1]} in
${readSubcommands()
  .map(
    ({ name, flags: own }) => `  ${name})
${flagCase(own)}
    ;;`,
  )
  .join("\n")}
  *)
${flagCase(flags, first)}
    ;;
  esac
}
complete -F _cache_proxy cache-proxy
`;
}

// --- internal ---

/** `words` complete the first word too. */
function flagCase(flags: readonly Flag[], words: readonly string[] = []): string {
  const names = flags.map(({ name }) => `--${name}`).join(" ");
  const first = words.length > 0 ? [`    [[ $COMP_CWORD == 1 ]] && names+=" ${words.join(" ")}"`] : [];
  return [
    `    local names="${names}"`,
    ...first,
    "    case $flag in",
    ...flags.flatMap(valueBranch),
    '    *) COMPREPLY=($(compgen -W "$names" -- "$word")) ;;',
    "    esac",
  ].join("\n");
}

/** A flag with a value completes to its choices, or to nothing when any value is possible. */
function valueBranch({ name, value, choices }: Flag): string[] {
  if (value === undefined) return [];
  const words = choices.length > 0 ? `($(compgen -W "${choices.join(" ")}" -- "$word"))` : "()";
  return [`    --${name}) COMPREPLY=${words} ;;`];
}
