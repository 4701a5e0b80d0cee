import { cpSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");

/** A separate checkout with this one's current files, committed, to release from. */
export interface Scratch {
  readonly root: string;
  readonly dist: string;
  tag(name: string): Promise<void>;
  /** Runs the release script. */
  release(...args: string[]): Promise<Output>;
}

export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Copies the checkout to `root`, commits it with a fixed author and date, and installs its dependencies. */
export async function copyCheckout(root: string): Promise<Scratch> {
  const { stdout } = await run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT);
  for (const path of stdout.split("\0").filter((path) => path !== "")) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    cpSync(join(ROOT, path), join(root, path));
  }
  await run(["git", "init", "--quiet"], root);
  await run(["git", "add", "--all"], root);
  await run(["git", "commit", "--quiet", "--message", "Current files"], root);
  await run([process.execPath, "install", "--frozen-lockfile"], root);
  return {
    root,
    dist: join(root, "dist"),
    tag: async (name) => void (await run(["git", "tag", name], root)),
    release: (...args) => start([process.execPath, "scripts/release.ts", ...args], root),
  };
}

/** Runs a command and returns its output. Throws when it fails. */
export async function run(command: string[], cwd: string, env: Record<string, string> = {}): Promise<Output> {
  const output = await start(command, cwd, env);
  if (output.exitCode === 0) return output;
  throw new Error(`${command.join(" ")} exited with ${output.exitCode}: ${output.stderr}${output.stdout}`);
}

// --- internal ---

/** Fixed, because every archive contains the commit's date. */
const COMMIT = {
  GIT_AUTHOR_NAME: "test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_AUTHOR_DATE: "2026-11-01T12:00:00Z",
  GIT_COMMITTER_NAME: "test",
  GIT_COMMITTER_EMAIL: "test@example.com",
  GIT_COMMITTER_DATE: "2026-11-01T12:00:00Z",
};

async function start(command: string[], cwd: string, env: Record<string, string> = {}): Promise<Output> {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, ...COMMIT, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode: await child.exited, stdout, stderr };
}
