/**
 * What proxies add to a request, side by side in one run: the compiled binary, the least that Bun.serve and fetch can do, a proxy from npm,
 * and other programs that are installed here (nginx, HAProxy, wrk: Debian's packages; LiteLLM). `bun run build && bun scripts/bench/forward.ts [requests]`
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, machine, printTable, round, type Summary } from "./figures.ts";
import { claudeCodeBody } from "./fixtures.ts";
import { startPart } from "./part.ts";
import { type Peer, startPeers } from "./peers.ts";
import { eventDelays } from "./stream.ts";

/** Of `messages` and `system`; with its tools the body then has the 104 KB of a usual first request. */
const BODY_BYTES = 34_000;
const HEADER = "x-anthropic-billing-header: cc_version=2.1.119.a1e; cc_entrypoint=cli; cch=f5645;";
/** By then the engine has compiled what is hot. */
const WARM_UP = 1_000;
const AT_ONCE = [1, 8, 64];
const WRK_SECONDS = 3;

/** Prints the table; returns its figures. */
export async function benchForward(requests: number): Promise<Summary> {
  const upstream = await startPart(join(import.meta.dir, "upstream.ts"));
  const { peers, missing } = await startPeers(Number(new URL(upstream.origin).port));
  const body = new Uint8Array(claudeCodeBody({ seed: 1, bytes: BODY_BYTES, header: HEADER }));
  console.log(machine());
  console.log(
    `command: bun scripts/bench/forward.ts ${requests}; ${requests} POSTs of ${body.length} bytes each way, in turns with direct ones`,
  );
  if (missing.length > 0) console.log(`not installed here: ${missing.join(", ")}`);
  const summary: Record<string, Record<string, number>> = {};
  await addLatency(peers, upstream.origin, body, requests, summary);
  await addStreams(peers, upstream.origin, summary);
  await addThroughput(peers, upstream.origin, body, summary);
  for (const peer of peers) {
    summary[peer.name]!.resident_mb = Math.round(peer.residentMb());
    summary[peer.name]!.start_ms = round(peer.startMs);
  }
  printTable(summary);
  for (const peer of peers) await peer.stop();
  upstream.child.kill();
  return summary;
}

// --- internal ---

type Rows = Record<string, Record<string, number>>;

/**
 * One request at a time, in turns with one that goes directly, so that other load on the machine affects both equally. Not in turns with the
 * other proxies: while a slow one works, the processor's caches forget the others.
 */
async function addLatency(
  peers: readonly Peer[],
  direct: string,
  body: Uint8Array<ArrayBuffer>,
  requests: number,
  summary: Rows,
): Promise<void> {
  const all: number[] = [];
  for (const { name, origin, cpuMs } of peers) {
    for (let i = 0; i < WARM_UP; i++) await time(origin, body);
    const [plain, own]: [number[], number[]] = [[], []];
    const before = cpuMs();
    for (let i = 0; i < requests; i++) {
      plain.push(await time(direct, body));
      own.push(await time(origin, body));
    }
    summary[name] = {
      added_p50_ms: round(at(own, 0.5) - at(plain, 0.5)),
      added_p99_ms: round(at(own, 0.99) - at(plain, 0.99)),
      cpu_us: Math.round(((cpuMs() - before) * 1_000) / requests),
    };
    all.push(...plain);
  }
  summary.direct = { p50_ms: round(at(all, 0.5)), p99_ms: round(at(all, 0.99)) };
}

async function time(origin: string, body: Uint8Array<ArrayBuffer>): Promise<number> {
  const begun = performance.now();
  const answer = await fetch(`${origin}/v1/messages?beta=true`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  if ((await answer.text()).length < 2_000) throw new Error(`not the answer: status ${answer.status}`);
  return performance.now() - begun;
}

async function addStreams(peers: readonly Peer[], direct: string, summary: Rows): Promise<void> {
  for (const streams of AT_ONCE) {
    const upstream = { name: "direct", origin: direct, mostStreams: Number.POSITIVE_INFINITY };
    for (const { name, origin, mostStreams } of [upstream, ...peers]) {
      if (streams > mostStreams) continue;
      const delays = await eventDelays(origin, streams);
      summary[name]![`event_${streams}_p50_us`] = Math.round(at(delays, 0.5));
    }
  }
}

async function addThroughput(
  peers: readonly Peer[],
  direct: string,
  body: Uint8Array,
  summary: Rows,
): Promise<void> {
  if (!Bun.which("wrk")) return console.log("wrk is not installed here: no requests/s");
  const [bodyFile, script] = [join(tmpdir(), "bench-body.json"), join(tmpdir(), "bench-post.lua")];
  writeFileSync(bodyFile, body);
  writeFileSync(
    script,
    `wrk.method = "POST"\nwrk.body = io.open("${bodyFile}", "rb"):read("*a")\nwrk.headers["content-type"] = "application/json"\n`,
  );
  for (const connections of AT_ONCE)
    for (const { name, origin } of [{ name: "direct", origin: direct }, ...peers]) {
      const flags = ["-t1", `-c${connections}`, `-d${WRK_SECONDS}s`, "-s", script];
      const child = Bun.spawn(["wrk", ...flags, `${origin}/v1/messages`], { stdout: "pipe" });
      const text = await new Response(child.stdout).text();
      summary[name]![`rps_${connections}`] = Math.round(Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]));
    }
}

if (import.meta.main) await benchForward(Number(process.argv[2] ?? 1_000));
