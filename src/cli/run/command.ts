import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** Exit codes of a shell: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02 */
export const NOT_FOUND = 127;
export const NOT_EXECUTABLE = 126;

/**
 * Runs a command in the foreground, with this process's terminal and environment, and resolves to its exit code: 128 and more after a
 * signal, as a shell has it. It is in the same process group, so that the terminal's signals and job control reach it as they would reach
 * it without us; signals sent to this process alone are passed on. Throws what `Bun.spawn` throws when it cannot start.
 */
export async function runInForeground(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const job = new Job();
  // Before the start: a signal that comes first must not end this process.
  const stop = passSignals(job);
  try {
    const child = Bun.spawn([...command], { env: { ...env }, stdio: ["inherit", "inherit", "inherit"] });
    job.started(child);
    await child.exited;
    return child.exitCode ?? 128 + (constants.signals[child.signalCode as NodeJS.Signals] ?? 0);
  } finally {
    stop();
  }
}

// --- internal ---

/** The command, as soon as it has started. */
class Job {
  #child: Bun.Subprocess | undefined;
  /** Signals for it that came before. */
  #early: NodeJS.Signals[] = [];

  started(child: Bun.Subprocess): void {
    this.#child = child;
    for (const signal of this.#early) child.kill(signal);
    this.followStop();
  }

  pass(signal: NodeJS.Signals): void {
    if (this.#child) this.#child.kill(signal);
    else this.#early.push(signal);
  }

  /** A command may stop itself only, as Claude Code does on Ctrl-Z; the user's shell waits for us. */
  followStop(): void {
    if (this.#child && isStopped(this.#child.pid)) process.kill(process.pid, "SIGTSTP");
  }
}

type Handlers = Partial<Record<NodeJS.Signals, () => void>>;

function passSignals(job: Job): () => void {
  const pass = (signal: NodeJS.Signals) => () => job.pass(signal);
  // The terminal sends these to the command too; from anywhere else they are for us to pass on.
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const fromKeyboard = (signal: NodeJS.Signals) => (hasTerminal ? () => {} : pass(signal));
  const handlers: Handlers = {
    SIGINT: fromKeyboard("SIGINT"),
    SIGQUIT: fromKeyboard("SIGQUIT"),
    SIGTERM: pass("SIGTERM"),
    SIGHUP: pass("SIGHUP"),
    // A shell that resumes the job resumes its process group; a command such as a shell may have moved to one of its own.
    SIGCONT: pass("SIGCONT"),
    SIGCHLD: () => job.followStop(),
  };
  const entries = Object.entries(handlers).filter(([signal]) => signal in constants.signals);
  for (const [signal, handler] of entries) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler);
  };
}

/** The state is the first field after the program's name, which may itself hold parentheses; see proc_pid_stat(5). */
function isStopped(pid: number): boolean {
  if (process.platform === "win32") return false;
  if (process.platform === "linux") {
    try {
      return /\) T /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      return false;
    }
  }
  return Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)])
    .stdout.toString()
    .trim()
    .startsWith("T");
}
