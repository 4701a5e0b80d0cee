/**
 * Many conversations that stream at once through one proxy: errors, memory over time, and what the proxy adds to the first byte and to
 * every chunk, compared with one conversation. What is added is the difference to a few conversations that ask the upstream directly at the
 * same time, because a busy machine delays both. The upstream is a fake one that answers at once with an event every 50 ms.
 * `bun run build && bun scripts/bench/load.ts [conversations] [seconds] [events]`: 200 conversations for 180 s, 100
 * events an answer, if not given.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { machine } from "./figures.ts";
import { claudeCodeBody } from "./fixtures.ts";
import { originIn, type Part, startPart } from "./part.ts";
import { cpuMsOf } from "./peers.ts";
import { clockMs } from "./stream.ts";

/** Of `messages` and `system`; with its tools the body then has the 104 KB of a usual first request. */
const BODY_BYTES = 34_000;
const EVENT_MS = 50;
/** How long the run with one conversation takes. */
const COMPARED_SECONDS = 20;
/** The conversations that ask the upstream directly while the others load the proxy. */
const BESIDE = 10;

const [role = "200", seconds = "180", events = "100"] = process.argv.slice(2);
/** In each answer. */
const EVENTS = Number(events);
if (role === "upstream") serveStreams();
else await measure(Number(role), Number(seconds));

/** What some conversations saw in one run. Times are milliseconds. */
interface Seen {
  requests: number;
  chunks: number;
  readonly errors: string[];
  /** From sending a request to the first byte of its answer. */
  readonly firstByte: number[];
  /** From writing an event to reading it. */
  readonly lags: number[];
}

interface Sample {
  readonly seconds: number;
  readonly rssMb: number;
}

async function measure(conversations: number, loadSeconds: number): Promise<void> {
  const upstream = await startPart(import.meta.path, "upstream", seconds, events);
  const proxy = await startProxy(upstream.origin);
  const compared = Math.min(COMPARED_SECONDS, loadSeconds);
  console.log(machine());
  console.log(
    `load      ${conversations} conversations, an event every ${EVENT_MS} ms in each, ${EVENTS} events an answer`,
  );
  await stream(proxy.origin, 1, 1);
  const [direct1, proxied1] = await Promise.all([
    stream(upstream.origin, 1, compared),
    stream(proxy.origin, 1, compared),
  ]);
  const samples: Sample[] = [];
  const since = performance.now();
  const sampler = setInterval(() => samples.push(sampleOf(proxy, since)), 1_000);
  const cpuBefore = cpuMsOf(proxy.child.pid);
  const waitedBefore = waitedMs(proxy.child.pid);
  const [direct, proxied] = await Promise.all([
    stream(upstream.origin, BESIDE, loadSeconds),
    stream(proxy.origin, conversations, loadSeconds),
  ]);
  const cpu = cpuMsOf(proxy.child.pid) - cpuBefore;
  const waited = waitedMs(proxy.child.pid) - waitedBefore;
  clearInterval(sampler);
  const runs: [string, Seen][] = [
    ["direct, 1", direct1],
    ["proxied, 1", proxied1],
    [`direct, ${BESIDE}`, direct],
    [`proxied, ${conversations}`, proxied],
  ];
  for (const [title, seen] of runs) console.log(`${title.padEnd(14)}${lineOf(seen)}`);
  for (const [what, times] of [
    ["first byte", "firstByte"],
    ["chunk", "lags"],
  ] as const)
    console.log(
      `added     to a ${what} ${added(direct1, proxied1, times)} ms with 1, ${added(direct, proxied, times)} ms with ${conversations} (p50, p90, p99)`,
    );
  console.log(
    `cpu       ${((cpu * 1_000) / proxied.chunks).toFixed(0)} µs per chunk, requests included; ${(cpu / loadSeconds / 10).toFixed(0)} % of one core`,
  );
  console.log(`waited    ${(waited / loadSeconds / 10).toFixed(1)} % of the time for a free core`);
  console.log(`resident  ${memoryOf(samples)}`);
  const errors = runs.flatMap(([, seen]) => seen.errors);
  console.log(`errors    ${errors.length}`);
  for (const text of new Set(errors)) console.log(`          ${text}`);
  for (const { child } of [upstream, proxy]) child.kill();
}

/** So many conversations ask again and again for so long. */
async function stream(origin: string, conversations: number, seconds: number): Promise<Seen> {
  const seen: Seen = { requests: 0, chunks: 0, errors: [], firstByte: [], lags: [] };
  const header = "x-anthropic-billing-header: cc_version=2.1.119.a1e; cc_entrypoint=cli; cch=f5645;";
  const body = new Uint8Array(claudeCodeBody({ seed: 1, bytes: BODY_BYTES, header }));
  const end = performance.now() + seconds * 1_000;
  const converse = async (_: unknown, at: number) => {
    // Not all at once: conversations begin at any time.
    await Bun.sleep((at * EVENT_MS * EVENTS) / conversations);
    while (performance.now() < end) await ask(origin, body, `session-${at}`, seen);
  };
  await Promise.all(Array.from({ length: conversations }, converse));
  return seen;
}

async function ask(
  origin: string,
  body: Uint8Array<ArrayBuffer>,
  session: string,
  seen: Seen,
): Promise<void> {
  const headers = { "content-type": "application/json", "x-claude-code-session-id": session };
  const sent = performance.now();
  let received = 0;
  let rest = "";
  try {
    const answer = await fetch(`${origin}/v1/messages?beta=true`, { method: "POST", body, headers });
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    for await (const chunk of answer.body!) {
      const now = clockMs();
      if (received === 0) seen.firstByte.push(performance.now() - sent);
      seen.chunks++;
      rest += Buffer.from(chunk).toString("latin1");
      for (let at = rest.indexOf("\n\n"); at >= 0; at = rest.indexOf("\n\n")) {
        const written = /"sent":([\d.]+)/.exec(rest.slice(0, at))?.[1];
        if (written !== undefined) seen.lags.push(now - Number(written));
        received++;
        rest = rest.slice(at + 2);
      }
    }
    if (received !== EVENTS) throw new Error(`${received} events of ${EVENTS}`);
    seen.requests++;
  } catch (error) {
    seen.errors.push((error as Error).message);
  }
}

function serveStreams(): void {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      if (request.method !== "POST") return new Response("ok");
      await request.arrayBuffer();
      return new Response(streamed() as unknown as BodyInit, {
        headers: { "content-type": "text/event-stream" },
      });
    },
  });
  console.log(server.url.origin);
}

async function* streamed(): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < EVENTS; count++) {
    if (count > 0) await Bun.sleep(EVENT_MS);
    yield eventOf(count === 0);
  }
}

function eventOf(isFirst: boolean): Uint8Array {
  const usage = { input_tokens: 60, cache_read_input_tokens: 26_000, output_tokens: 1 };
  const data = isFirst
    ? { type: "message_start", message: { id: "m", role: "assistant", content: [], usage } }
    : { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: " word" } };
  return Buffer.from(`event: ${data.type}\ndata: ${JSON.stringify({ ...data, sent: clockMs() })}\n\n`);
}

/** The binary where there is one for this checkout, else the sources. */
async function startProxy(upstream: string): Promise<Part> {
  const root = join(import.meta.dir, "../..");
  const binary = join(root, "dist/cache-proxy");
  const program = existsSync(binary) ? [binary] : [process.execPath, join(root, "src/main.ts")];
  const child = Bun.spawn([...program, "--port=0", `--upstream=${upstream}`], {
    stderr: "pipe",
    stdout: "ignore",
  });
  return { child, origin: await originIn(child.stderr) };
}

/** How long the main thread could have run, but no core was free (https://docs.kernel.org/scheduler/sched-stats.html: nanoseconds). */
function waitedMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
}

function sampleOf({ child }: Part, since: number): Sample {
  const rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);
  return { seconds: (performance.now() - since) / 1_000, rssMb: Math.round(rssKb / 1_024) };
}

function lineOf({ requests, chunks, firstByte, lags }: Seen): string {
  return `${requests} answers, ${chunks} chunks; first byte ${spread(firstByte)} ms; chunk ${spread(lags)} ms`;
}

function added(direct: Seen, proxied: Seen, times: "firstByte" | "lags"): string {
  return [0.5, 0.9, 0.99]
    .map((part) => (Number(at(proxied[times], part)) - Number(at(direct[times], part))).toFixed(2))
    .join(" / ");
}

/** At ten times from the start to the end, and the largest. */
function memoryOf(samples: readonly Sample[]): string {
  const some = samples.filter((_, at) => at % Math.ceil(samples.length / 10) === 0);
  const largest = Math.max(...samples.map(({ rssMb }) => rssMb));
  return `${some.map(({ seconds, rssMb }) => `${rssMb} MB at ${seconds.toFixed(0)} s`).join(", ")}; largest ${largest} MB`;
}

function spread(times: readonly number[]): string {
  return [0.5, 0.9, 0.99].map((part) => `p${part * 100} ${at(times, part)}`).join(" ");
}

function at(times: readonly number[], part: number): string {
  return (times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN).toFixed(2);
}
