import { join } from "node:path";
import { settles } from "../../../src/upstream/settles.ts";
import { type Balancer, balancer } from "../setup/balancers.ts";
import { type Child, startChild } from "./child.ts";
import type { TestServer } from "./recording.ts";

export interface BalancerSettings {
  readonly kind: Balancer;
  /** Where the servers are, as origins. The first is `llama1`. */
  readonly servers: readonly string[];
  /** How many requests HAProxy sends to one server at a time. 1 if not given. */
  readonly slots?: number;
  /** Takes the servers in turn instead of by conversation, as a balancer does that nobody configured. */
  readonly roundRobin?: boolean;
}

/** Starts a balancer with the configuration of deploy/ on a free port, and waits until it uses all of its servers. */
export async function startBalancer(settings: BalancerSettings): Promise<TestServer> {
  const { kind, servers, slots = 1, roundRobin = false } = settings;
  await balancer(kind);
  const port = freePort();
  const addresses = servers.map((origin) => new URL(origin).host);
  const child = startChild(["sh", SCRIPT, kind, String(port), ...addresses], {
    env: { PATH: PATHS, SLOTS: String(slots), ...(roundRobin && { ROUND_ROBIN: "1" }) },
  });
  const origin = `http://127.0.0.1:${port}`;
  const server = { origin, [Symbol.asyncDispose]: () => stop(child) };
  try {
    await answersHealth(origin);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw new Error(`${kind} does not answer:\n${child.messages()}`, { cause: error });
  }
  return server;
}

// --- internal ---

const SCRIPT = join(import.meta.dir, "../../../deploy/balance.sh");
const PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A port that nothing else listens on: neither balancer reports which port 0 became. */
function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return port!;
}

/** In an orderly way first, so that the script removes its temporary folder. */
async function stop(child: Child): Promise<void> {
  if (!(await settles(child.exited, 0))) child.signal("SIGTERM");
  await settles(child.exited, 5_000);
  await child[Symbol.asyncDispose]();
}

async function answersHealth(origin: string): Promise<void> {
  const lastTry = performance.now() + 20_000;
  for (;;) {
    const ok = await fetch(`${origin}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) return;
    if (performance.now() > lastTry) throw new Error("no answer to /health");
    await Bun.sleep(100);
  }
}
