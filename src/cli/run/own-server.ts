import { constants } from "node:os";
import { basename } from "node:path";
import { foreign } from "../../format/foreign.ts";
import { duration } from "../../format/numbers.ts";
import type { Address } from "../../upstream/address.ts";
import { ask } from "../../upstream/ask.ts";
import { settles } from "../../upstream/settles.ts";
import { type LogFile, openLog } from "./log-file.ts";
import type { RunOptions } from "./options.ts";

export interface RestartLimits {
  /** Restarts within `windowMs`, milliseconds; after one more crash the server stays down. */
  readonly restarts: number;
  readonly windowMs: number;
  /** How often a server that is loading is asked, milliseconds. */
  readonly intervalMs: number;
  /** How long a server may take to end before it is killed, milliseconds. */
  readonly stopMs: number;
}

const LIMITS: RestartLimits = { restarts: 3, windowMs: 15 * 60_000, intervalMs: 250, stopMs: 10_000 };

/** A llama-server that `run` has started: it is restarted after a crash, and stopped with us. */
export class OwnServer {
  readonly address: Address;
  readonly #words: readonly string[];
  readonly #log: LogFile;
  readonly #limits: RestartLimits;
  #child: Bun.Subprocess | undefined;
  #ready: Promise<void> = Promise.resolve();
  #crashes: number[] = [];
  #isStopping = false;
  #hasBeenReady = false;
  #note: (text: string) => void = () => {};

  /** Starts the server. Throws one line for the user when the program cannot be started. */
  static async start(
    options: Pick<RunOptions, "server" | "upstream" | "hasUpstream">,
    limits: Partial<RestartLimits> = {},
  ): Promise<OwnServer> {
    const { words, address } = await placed(options.server ?? [], options);
    const server = new OwnServer(words, address, { ...LIMITS, ...limits });
    server.#launch();
    return server;
  }

  constructor(words: readonly string[], address: Address, limits: RestartLimits) {
    this.#words = words;
    this.address = address;
    this.#limits = limits;
    this.#log = openLog("server");
  }

  get logPath(): string {
    return this.#log.path;
  }

  /** What happens to the server after its start, for the proxy's log. */
  onNote(note: (text: string) => void): void {
    this.#note = note;
  }

  /** Resolves when the server has loaded its model, or has crashed too often: never rejects. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Throws one line for the user when the server has ended before it was ready. */
  checkStart(): void {
    if (this.#hasBeenReady || !this.#child || !hasEnded(this.#child)) return;
    throw new Error(
      `${foreign(this.#words[0]!)} ended with ${endOf(this.#child)} before it was ready; see ${this.logPath}`,
    );
  }

  /** Ends the server and everything that it has started. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (child && !hasEnded(child)) {
      signalGroup(child, "SIGTERM");
      if (!(await settles(child.exited, this.#limits.stopMs))) signalGroup(child, "SIGKILL");
      await child.exited;
    }
    this.#log.close();
  }

  // --- internal ---

  #launch(): void {
    const { descriptor } = this.#log;
    try {
      // A process group of its own: the terminal's Ctrl-C is for the command, not for the server.
      const child = Bun.spawn([...this.#words], {
        stdio: ["ignore", descriptor, descriptor],
        detached: true,
      });
      this.#child = child;
      this.#ready = this.#load(child);
      void child.exited.then(() => this.#ended(child));
    } catch (error) {
      this.#log.close();
      throw new Error(
        `cannot start ${foreign(this.#words[0] ?? "")}: ${foreign((error as Error).message, 200)}`,
      );
    }
  }

  async #load(child: Bun.Subprocess): Promise<void> {
    while (!hasEnded(child) && !this.#isStopping) {
      if (await this.#isHealthy()) {
        this.#hasBeenReady = true;
        return;
      }
      await Bun.sleep(this.#limits.intervalMs);
    }
    // The next start, if there is one, has replaced this promise: whoever waits for it goes on with that one.
    await Bun.sleep(0);
    if (child !== this.#child) await this.#ready;
  }

  async #isHealthy(): Promise<boolean> {
    try {
      return (await ask(this.address, "/health", AbortSignal.timeout(2_000))).status !== 503;
    } catch {
      return false;
    }
  }

  #ended(child: Bun.Subprocess): void {
    if (this.#isStopping || !this.#hasBeenReady) return;
    const now = performance.now();
    const { restarts, windowMs } = this.#limits;
    this.#crashes = [...this.#crashes.filter((time) => now - time < windowMs), now];
    const what = `the server ended with ${endOf(child)}`;
    if (this.#crashes.length > restarts) {
      this.#note(
        `${what}, ${this.#crashes.length} times in ${duration(windowMs / 1000)}; not restarted, see ${this.logPath}`,
      );
      return;
    }
    this.#note(`${what}; restarting it`);
    try {
      this.#launch();
    } catch (error) {
      this.#note((error as Error).message);
    }
  }
}

// --- internal ---

/** Where the server listens: at `--upstream` if that was given, else where its own flags say; llama-server gets a free port otherwise. */
export async function placed(
  words: readonly string[],
  { upstream, hasUpstream }: Pick<RunOptions, "upstream" | "hasUpstream">,
): Promise<{ readonly words: readonly string[]; readonly address: Address }> {
  if (hasUpstream) return { words, address: upstream };
  const port = flagValue(words, "--port");
  if (port !== undefined) return { words, address: local(port) };
  if (!/^llama-server(?:\.exe)?$/.test(basename(words[0] ?? ""))) return { words, address: upstream };
  const free = freePort();
  return { words: [...words, "--port", free], address: local(free) };
}

function flagValue(words: readonly string[], flag: string): string | undefined {
  const at = words.lastIndexOf(flag);
  if (at >= 0) return words[at + 1];
  return words.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

function local(port: string): Address {
  return { origin: `http://127.0.0.1:${port}`, basePath: "" };
}

function freePort(): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return String(port);
}

function hasEnded({ exitCode, signalCode }: Bun.Subprocess): boolean {
  return exitCode !== null || signalCode !== null;
}

function endOf({ exitCode, signalCode }: Bun.Subprocess): string {
  return String(signalCode ?? `exit code ${exitCode}`);
}

/** Windows has no process groups of this kind. */
function signalGroup(child: Bun.Subprocess, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, constants.signals[signal]);
  } catch {
    // It has ended by itself.
  }
}
