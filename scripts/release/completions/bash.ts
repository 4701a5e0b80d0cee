import { type Flag, readFlags } from "../flags.ts";

/** Renders the completion for bash 3.2 (which macOS ships) and later, without the bash-completion package. */
export function bashCompletion(flags: readonly Flag[] = readFlags()): string {
  return `# bash completion for cache-proxy
_cache_proxy() {
  local word=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD - 1]}
  # bash splits "--tools=st" into three words.
  if [[ $word == "=" ]]; then
    word=
  elif [[ $flag == "=" ]]; then
    flag=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $flag in
${flags.flatMap(valueBranch).join("\n")}
    *) COMPREPLY=($(compgen -W "${flags.map(({ name }) => `--${name}`).join(" ")}" -- "$word")) ;;
  esac
}
complete -F _cache_proxy cache-proxy
`;
}

// --- internal ---

/** A flag with a value completes to its choices, or to nothing when any value is possible. */
function valueBranch({ name, value, choices }: Flag): string[] {
  if (value === undefined) return [];
  const words = choices.length > 0 ? `($(compgen -W "${choices.join(" ")}" -- "$word"))` : "()";
  return [`    --${name}) COMPREPLY=${words} ;;`];
}
