/**
 * Environment variables that make a compiled binary behave like Bun itself. With `BUN_BE_BUN=1` it ignores the program
 * and becomes the `bun` command. It reads `BUN_OPTIONS` before the program's own arguments, so `--version` prints Bun's
 * version and `--preload=x.js` runs other code. The rest open a debugger; editors set them in their terminals. The list
 * comes from trying every variable that Bun knows. `BUN_JSC_…` still tunes the JavaScript engine: those names have no
 * fixed list.
 */
export const SEALED_VARIABLES = [
  "BUN_BE_BUN",
  "BUN_OPTIONS",
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_PRELOAD",
] as const;

/**
 * Makes Bun's runtime ignore `SEALED_VARIABLES`, in place. Bun has no option for this, so the first byte of each name
 * that the runtime looks up becomes NUL: no environment can hold a variable with an empty name. Call it before Bun
 * embeds the program: for macOS, Bun then signs the changed bytes. Throws unless it finds every name exactly once,
 * because a runtime with another layout needs another look.
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

/** Returns the names of `SEALED_VARIABLES` that a binary still obeys; empty once it is sealed. */
export function unsealedVariables(binary: Uint8Array): string[] {
  return SEALED_VARIABLES.filter((name) => lookupNames(binary, name).length > 0);
}

// --- internal ---

/**
 * Returns the offsets of the C strings that are exactly this name, which the runtime passes to getenv. The name inside
 * a longer string, such as a list of names that child processes do not inherit, is never looked up.
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
