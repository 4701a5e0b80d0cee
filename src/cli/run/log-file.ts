import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { OutputStream } from "../../terminal/output.ts";

/** A file that an `Output` or a child process writes to. */
export interface LogFile extends OutputStream {
  readonly path: string;
  /** The open file, for a child process. */
  readonly descriptor: number;
  close(): void;
}

/** Logs of earlier runs that stay. */
const KEPT = 20;

/** Opens `path` to append to it, or else a new file in the user's folder for logs. Throws one line for the user when it cannot. */
export function openLog(name: "run" | "server", path: string = newPath(name)): LogFile {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return logFile(path, openSync(path, "a", 0o600));
  } catch (error) {
    throw new Error(`cannot write the log ${path}: ${(error as Error).message}; pass --log-file`);
  }
}

// --- internal ---

function logFile(path: string, descriptor: number): LogFile {
  return {
    path,
    descriptor,
    write(text, done) {
      try {
        writeSync(descriptor, text);
      } catch {
        // A full disk must not end a session.
      }
      done?.();
    },
    close: () => closeSync(descriptor),
  };
}

function newPath(name: string): string {
  const folder = logFolder(process.env, process.platform);
  removeOld(folder, name);
  const time = new Date().toISOString().replace(/\..*|\D/g, "");
  return join(folder, `${name}-${time}-${process.pid}.log`);
}

/** Exported for tests. */
export function logFolder(env: Readonly<Record<string, string | undefined>>, platform: string): string {
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, "cache-proxy");
  const home = env.HOME || homedir();
  if (platform === "darwin") return join(home, "Library/Logs/cache-proxy");
  if (platform === "win32") return join(env.LOCALAPPDATA || tmpdir(), "cache-proxy");
  return join(home, ".local/state/cache-proxy");
}

/** Names sort by time. */
function removeOld(folder: string, name: string): void {
  try {
    const logs = readdirSync(folder).filter((file) => file.startsWith(`${name}-`) && file.endsWith(".log"));
    for (const file of logs.toSorted().slice(0, 1 - KEPT)) rmSync(join(folder, file), { force: true });
  } catch {
    // There is no folder yet.
  }
}
