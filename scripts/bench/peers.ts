import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../tests/support/port.ts";
import { RECIPES, type Recipe } from "./recipes.ts";

/** A proxy that runs in a process of its own between a client and an upstream. */
export interface Peer {
  readonly name: string;
  readonly origin: string;
  /** The most streams of events that it passes on at once. */
  readonly mostStreams: number;
  /** Milliseconds from the start of the process to its first answer with status 200. */
  readonly startMs: number;
  /** User and system time so far, milliseconds. */
  cpuMs(): number;
  /** Resident memory, megabytes. */
  residentMb(): number;
  stop(): Promise<void>;
}

/** Starts every peer that is installed. The list says which are missing. */
export async function startPeers(upstreamPort: number): Promise<{ peers: Peer[]; missing: string[] }> {
  const [peers, missing]: [Peer[], string[]] = [[], []];
  for (const recipe of RECIPES) {
    const peer = await startPeer(recipe, upstreamPort);
    if (peer) peers.push(peer);
    else missing.push(recipe.name);
  }
  return { peers, missing };
}

/** User and system time of a process so far, milliseconds (proc_pid_stat(5): fields 14 and 15, in hundredths of a second). */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

// --- internal ---

async function startPeer(
  { name, mostStreams = Number.POSITIVE_INFINITY, command }: Recipe,
  upstreamPort: number,
): Promise<Peer | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const port = await freePort();
  const words = await command(port, upstreamPort, folder);
  if (!words) return undefined;
  const origin = `http://127.0.0.1:${port}`;
  const begun = performance.now();
  const child = Bun.spawn(words, { stdio: ["ignore", "ignore", "ignore"] });
  await untilAnswering(origin);
  return {
    name,
    origin,
    mostStreams,
    startMs: performance.now() - begun,
    cpuMs: () => cpuMsOf(child.pid),
    residentMb: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1_024,
    async stop() {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilAnswering(origin: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const status = await fetch(origin, { keepalive: false }).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
  }
  throw new Error(`nothing answers at ${origin}`);
}
