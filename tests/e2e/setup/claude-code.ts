import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { provide, run } from "./cache.ts";

/** Each of these changed the header or the shape of the body; see the README's "How it works". */
const VERSIONS = ["2.1.63", "2.1.119", "2.1.177", "2.1.330"];

/** An installed Claude Code. `command` is the start of its command line. */
export interface ClaudeCode {
  readonly version: string;
  readonly command: readonly string[];
}

/** Installs a version of Claude Code. `name` is its number, or "newest", which asks the registry. */
export async function claudeCode(name: string): Promise<ClaudeCode> {
  const version = name === "newest" ? await newestVersion() : name;
  const folder = await provide(`claude-code-${version}`, (path) => unpack(packageOf(version), version, path));
  const script = ["node", join(folder, "package/cli.js")];
  return { version, command: isScript(version) ? script : [join(folder, "package/claude")] };
}

/** The fixed versions and the newest one, without duplicates. */
export async function everyVersion(): Promise<string[]> {
  return [...new Set([...VERSIONS, await newestVersion()])];
}

/** The newest version. Asks the registry once per run, unless CACHE_PROXY_E2E_NEWEST is set. */
export function newestVersion(): Promise<string> {
  const given = process.env.CACHE_PROXY_E2E_NEWEST;
  newest ??= given ? Promise.resolve(given) : run(["npm", "view", "@anthropic-ai/claude-code", "version"]);
  return newest.then((text) => text.trim());
}

// --- internal ---

let newest: Promise<string> | undefined;

/** Older releases were JavaScript for Node; later ones are executables in one package per platform. */
function isScript(version: string): boolean {
  return Bun.semver.order(version, "2.1.113") < 0;
}

function packageOf(version: string): string {
  const platform = `${process.platform}-${process.arch}`;
  return isScript(version) ? "@anthropic-ai/claude-code" : `@anthropic-ai/claude-code-${platform}`;
}

/** Unpacks the package itself: it needs no dependencies, and no install script runs. */
async function unpack(name: string, version: string, path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  const archive = await run(["npm", "pack", "--silent", `${name}@${version}`], { cwd: path });
  await run(["tar", "xzf", archive.trim()], { cwd: path });
  rmSync(join(path, archive.trim()));
}
