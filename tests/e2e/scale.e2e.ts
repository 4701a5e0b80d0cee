import { afterAll, expect, test } from "bun:test";
import { type BalancerSettings, startBalancer } from "./support/balancer.ts";
import { crowd, placesOf, type Served, speak, type Talk } from "./support/crowd.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { TestServer } from "./support/recording.ts";
import { type Cell, table } from "./support/table.ts";
import { IS_WHOLE } from "./support/whole.ts";

/**
 * Eight sessions with a subagent each, all at once, through one proxy and a balancer with real llama-servers. A server has slots for all
 * sixteen conversations, because one server must take all of them when the other is lost, and no other memory for prompts.
 */
const SESSIONS = 8;
const SLOTS = 2 * SESSIONS;

const rows: Cell[][] = [];

test("HAProxy keeps every conversation on one server, as well cached as by a single server", async () => {
  const alone = await measureAlone();
  await using cluster = await startCluster({ kind: "haproxy" }, 2);
  const talks = crowd(SESSIONS);

  const measured = await measure("two servers, HAProxy", cluster.servers, () =>
    speak(talks, 13, cluster.origin),
  );
  expect(measured.served.length).toBeGreaterThanOrEqual(200);
  expect(statusesOf(measured.served)).toEqual([200]);
  expect(moversIn(measured.served)).toEqual([]);
  expect(new Set(measured.served.map(({ server }) => server)).size).toBe(2);
  expect(Math.abs(measured.cachedShare - alone.cachedShare)).toBeLessThan(0.01);

  await killAndReturn(cluster, talks, measured.served);
}, 170_000);

test("nginx does the same", async () => {
  await using cluster = await startCluster({ kind: "nginx" }, 2);
  const talks = crowd(SESSIONS, 2);
  const { served } = await measure("two servers, nginx", cluster.servers, () =>
    speak(talks, 13, cluster.origin),
  );
  expect(statusesOf(served)).toEqual([200]);
  expect(moversIn(served)).toEqual([]);
  await killAndReturn(cluster, talks, served);
}, 170_000);

test("four servers keep every conversation in place too", async () => {
  await using cluster = await startCluster({ kind: "haproxy" }, 4);
  const { served } = await measure("four servers, HAProxy", cluster.servers, () =>
    speak(crowd(SESSIONS), 13, cluster.origin),
  );
  expect(statusesOf(served)).toEqual([200]);
  expect(moversIn(served)).toEqual([]);
  expect(new Set(served.map(({ server }) => server)).size).toBe(4);
}, 170_000);

test("a balancer before pairs of proxy and server knows conversations by Claude Code's headers", async () => {
  await using stack = new AsyncDisposableStack();
  const servers = await Promise.all([startServer(SLOTS), startServer(SLOTS)]);
  for (const server of servers) stack.use(server);
  const proxies = await Promise.all(servers.map(({ origin }) => startProxy(origin)));
  for (const proxy of proxies) stack.use(proxy);
  const origins = proxies.map(({ origin }) => origin);
  const balancer = stack.use(await startBalancer({ kind: "haproxy", servers: origins, slots: 1_000 }));

  const { served, cachedShare } = await measure("two pairs of proxy and server", servers, () =>
    speak(crowd(SESSIONS), 13, balancer.origin),
  );
  expect(statusesOf(served)).toEqual([200]);
  expect(moversIn(served)).toEqual([]);
  expect(new Set(served.map(({ server }) => server)).size).toBe(2);
  expect(cachedShare).toBeGreaterThan(0.8);
}, 170_000);

test.if(IS_WHOLE).each([
  ["room for all conversations on each", SLOTS, 0.85],
  ["room for half of them on each", SLOTS / 2, 0.85],
])(
  "round robin, for comparison, moves conversations: %s",
  async (title, slots, most) => {
    await using cluster = await startCluster({ kind: "haproxy", roundRobin: true }, 2, slots);
    const { served, cachedShare } = await measure(`two servers, round robin, ${title}`, cluster.servers, () =>
      speak(crowd(SESSIONS), 13, cluster.origin),
    );
    expect(moversIn(served).length).toBeGreaterThan(SESSIONS);
    expect(cachedShare).toBeLessThan(most);
  },
  170_000,
);

afterAll(() =>
  console.log(`\n${table(["", "requests", "cached", "evaluated", "cached share", "s"], rows)}\n`),
);

// --- internal ---

interface Cluster extends TestServer {
  readonly servers: readonly LlamaServer[];
}

interface Measured {
  readonly served: readonly Served[];
  readonly cachedShare: number;
}

/** The same sessions on a single llama-server that has room for all of them. */
async function measureAlone(): Promise<Measured> {
  await using server = await startServer(SLOTS);
  await using proxy = await startProxy(server.origin);
  return await measure("one server", [server], () => speak(crowd(SESSIONS), 13, proxy.origin));
}

/** `count` llama-servers, the balancer before them, and a proxy before that. */
async function startCluster(
  settings: Omit<BalancerSettings, "servers" | "slots">,
  count: number,
  slots = SLOTS,
): Promise<Cluster> {
  const stack = new AsyncDisposableStack();
  const servers = await Promise.all(Array.from({ length: count }, () => startServer(slots)));
  for (const server of servers) stack.use(server);
  const origins = servers.map(({ origin }) => origin);
  const balancer = stack.use(await startBalancer({ ...settings, servers: origins, slots }));
  const proxy = stack.use(await startProxy(balancer.origin));
  return { origin: proxy.origin, servers, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function startServer(slots: number): Promise<LlamaServer> {
  return startLlamaServer("dense", "Qwen3-Coder.jinja", {
    n_parallel: slots,
    n_ctx: 2_048 * slots,
    cache_ram_mib: 0,
    "cpuparams.n_threads": 1,
  });
}

/**
 * One server dies: its conversations move once, pay for one cold turn, and stay. It comes back: only they move, back to where they were.
 */
async function killAndReturn(
  cluster: Cluster,
  talks: readonly Talk[],
  before: readonly Served[],
): Promise<void> {
  const [survivor, victim] = cluster.servers as [LlamaServer, LlamaServer];
  const home = placesOf(before);
  const names = [...new Set([...home.values()].map(([server]) => server!))];
  await victim.kill();
  const turn = () => speak(talks, 1, cluster.origin);
  const first = await measure("  one server killed, the next turn of each", [survivor], turn);
  const second = await measure("  and the turn after it", [survivor], turn);
  expect(second.cachedShare).toBeGreaterThan(0.9);
  const without = [...first.served, ...second.served];
  expect(statusesOf(without)).toEqual([200]);
  expect(moversIn(without)).toEqual([]);
  const left = new Set(without.map(({ server }) => server));
  expect(left.size).toBe(names.length - 1);
  for (const [talk, [server]] of placesOf(without)) {
    const old = home.get(talk)![0]!;
    if (left.has(old)) expect(server).toBe(old);
  }

  await victim.restart();
  await usesAll(cluster, names.length);
  const again = await speak(talks, 2, cluster.origin);
  expect(statusesOf(again)).toEqual([200]);
  expect(placesOf(again)).toEqual(home);
}

/** Waits until the balancer sends requests to so many servers: HAProxy's checks take some seconds to find that one is back. */
async function usesAll({ origin }: Cluster, count: number): Promise<void> {
  const lastTry = performance.now() + 30_000;
  const seen = new Set<string | null>();
  for (let key = 0; seen.size < count && performance.now() < lastTry; key++) {
    const headers = { "x-cache-proxy-conversation": `key-${key}` };
    seen.add((await fetch(`${origin}/health`, { headers })).headers.get("x-served-by"));
    await Bun.sleep(20);
  }
  expect(seen.size).toBe(count);
}

/** Runs `act` and reports what the servers did meanwhile. */
async function measure(
  title: string,
  servers: readonly LlamaServer[],
  act: () => Promise<readonly Served[]>,
): Promise<Measured> {
  const before = await totalsOf(servers);
  const since = performance.now();
  const served = await act();
  const seconds = (performance.now() - since) / 1_000;
  const after = await totalsOf(servers);
  const [cached, evaluated] = [after.cached - before.cached, after.evaluated - before.evaluated];
  const cachedShare = cached / (cached + evaluated);
  rows.push([
    title,
    served.length,
    cached,
    evaluated,
    `${(100 * cachedShare).toFixed(2)} %`,
    Math.round(seconds),
  ]);
  return { served, cachedShare };
}

async function totalsOf(servers: readonly LlamaServer[]): Promise<{ cached: number; evaluated: number }> {
  const totals = await Promise.all(servers.map((server) => server.metrics()));
  const sum = (name: string) => totals.reduce((total, each) => total + (each.get(name) ?? Number.NaN), 0);
  return {
    cached: sum("llamacpp:prompt_tokens_cached_total"),
    evaluated: sum("llamacpp:prompt_tokens_total"),
  };
}

function statusesOf(served: readonly Served[]): number[] {
  return [...new Set(served.map(({ status }) => status))];
}

/** The conversations that were on more than one server. */
function moversIn(served: readonly Served[]): string[] {
  return [...placesOf(served)].filter(([, places]) => places.length > 1).map(([talk]) => talk);
}
