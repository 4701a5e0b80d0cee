/**
 * Environment variables that make a compiled binary behave as Bun itself, found by trying all that Bun knows:
 * `BUN_BE_BUN=1` ignores the program and becomes the `bun` command; the words of `BUN_OPTIONS` are read before the
 * program's own, so `--version` prints Bun's version and `--preload=x.js` runs foreign code; the others open a debugger
 * (editors set them in their terminals). `BUN_JSC_…` still tunes the JavaScript engine: those names have no fixed list.
 */
export const SEALED_VARIABLES = [
  "BUN_BE_BUN",
  "BUN_OPTIONS",
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_PRELOAD",
] as const;

/**
 * Makes Bun's runtime deaf to `SEALED_VARIABLES`, in place. Bun has no option for it, so the first byte of each name
 * that the runtime looks up becomes NUL: no environment can hold a variable of that name. Done before Bun embeds the
 * program and, for macOS, signs the whole, so the signature covers the change. Throws unless every name was found
 * exactly once: a runtime laid out in another way must be looked at by a person.
 */
export function seal(runtime: Uint8Array): void {
  for (const name of SEALED_VARIABLES) {
    const found = lookupNames(runtime, name);
    const [at] = found;
    if (at === undefined || found.length > 1) {
      throw new Error(`cannot seal the runtime: ${name} found ${found.length} times, expected once`);
    }
    runtime[at] = 0;
  }
}

/** The names of `SEALED_VARIABLES` that a binary would still obey; none once it is sealed. */
export function unsealedVariables(binary: Uint8Array): string[] {
  return SEALED_VARIABLES.filter((name) => lookupNames(binary, name).length > 0);
}

// --- internal ---

/**
 * Offsets of the C strings that are exactly this name, which is what the runtime hands to getenv. The same letters
 * inside longer text (a list of names that child processes do not inherit) are not looked up and stay.
 */
function lookupNames(bytes: Uint8Array, name: string): number[] {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const needle = Buffer.from(`\0${name}\0`, "latin1");
  const found: number[] = [];
  for (let at = haystack.indexOf(needle); at !== -1; at = haystack.indexOf(needle, at + 1)) {
    found.push(at + 1);
  }
  return found;
}
