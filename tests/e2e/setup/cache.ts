import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Where downloads are kept: outside the repository, so that a new clone finds them again. */
export const CACHE =
  process.env.CACHE_PROXY_E2E_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cache-proxy");

/**
 * Returns the path of `name` in the cache and creates it first if it does not exist. `make` writes to a temporary path that
 * is renamed at the end, so a broken download leaves nothing that looks complete. The name must include the version:
 * what exists is never made again.
 */
export function provide(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const providing = underWay.get(name) ?? provideOnce(join(CACHE, name), make);
  underWay.set(name, providing);
  return providing;
}

/** Runs a command and returns its stdout. Throws with its output if it fails. */
export async function run(command: string[], options: { cwd?: string } = {}): Promise<string> {
  const child = Bun.spawn(command, { ...options, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, messages, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${messages}\n${output}`);
  return output;
}

// --- internal ---

/** By name, so that two callers who need the same thing wait for one download. */
const underWay = new Map<string, Promise<string>>();

async function provideOnce(path: string, make: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  const unfinished = `${path}.${process.pid}.tmp`;
  mkdirSync(dirname(path), { recursive: true });
  console.error(`e2e setup: making ${path}`);
  try {
    await make(unfinished);
    publish(unfinished, path);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return path;
}

/** Another process may have been faster; its result is then kept. */
function publish(unfinished: string, path: string): void {
  try {
    renameSync(unfinished, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
}
