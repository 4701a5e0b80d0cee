/**
 * Many conversations that stream at once through one proxy: errors, memory over time, and what the proxy adds to the first byte and to
 * every chunk, compared with one conversation, and with the same conversations without the proxy. The upstream is a fake one that answers
 * at once with an event every 50 ms.
 * `bun run build && bun scripts/bench/load.ts [conversations] [seconds]`; 200 and 180 if not given.
 */
import { existsSync, readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { claudeCodeBody } from "./fixtures.ts";
import { originIn, type Part, startPart } from "./part.ts";

/** Of `messages` and `system`; with its tools the body then has the 104 KB of a usual first request. */
const BODY_BYTES = 34_000;
const EVENTS = 100;
const EVENT_MS = 50;
/** How long the runs take that the load is compared with. */
const COMPARED_SECONDS = 20;

const [role = "200", seconds = "180"] = process.argv.slice(2);
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
  const upstream = await startPart(import.meta.path, "upstream");
  const proxy = await startProxy(upstream.origin);
  const compared = Math.min(COMPARED_SECONDS, loadSeconds);
  console.log(
    `machine   ${cpus()[0]?.model}, ${cpus().length} cores, ${process.platform} ${release()}, Bun ${Bun.version}`,
  );
  console.log(
    `load      ${conversations} conversations, an event every ${EVENT_MS} ms in each, ${EVENTS} events an answer`,
  );
  await stream(proxy.origin, 1, 1);
  const runs: [string, Seen][] = [
    ["direct, 1", await stream(upstream.origin, 1, compared)],
    ["proxied, 1", await stream(proxy.origin, 1, compared)],
    [`direct, ${conversations}`, await stream(upstream.origin, conversations, compared)],
  ];
  const samples: Sample[] = [];
  const since = performance.now();
  const sampler = setInterval(() => samples.push(sampleOf(proxy, since)), 1_000);
  const cpuBefore = cpuMs(proxy.child.pid);
  const loaded = await stream(proxy.origin, conversations, loadSeconds);
  const cpu = cpuMs(proxy.child.pid) - cpuBefore;
  clearInterval(sampler);
  runs.push([`proxied, ${conversations}`, loaded]);
  for (const [title, seen] of runs) console.log(`${title.padEnd(14)}${lineOf(seen)}`);
  const [direct1, proxied1, direct, proxied] = runs.map(([, seen]) => seen) as [Seen, Seen, Seen, Seen];
  console.log(
    `added     to the first byte ${added(direct1, proxied1, "firstByte")} ms with 1, ${added(direct, proxied, "firstByte")} ms with ${conversations} (p50, p99)`,
  );
  console.log(
    `added     to a chunk ${added(direct1, proxied1, "lags")} ms with 1, ${added(direct, proxied, "lags")} ms with ${conversations} (p50, p99)`,
  );
  console.log(
    `cpu       ${((cpu * 1_000) / loaded.chunks).toFixed(0)} µs a chunk, its part of the requests included; ${(cpu / loadSeconds / 10).toFixed(0)} % of one core`,
  );
  console.log(`resident  ${memoryOf(samples)}`);
  console.log(
    `errors    ${runs.map(([, { errors }]) => errors.length).reduce((sum, count) => sum + count, 0)}`,
  );
  for (const text of new Set(runs.flatMap(([, { errors }]) => errors))) console.log(`          ${text}`);
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
    await Bun.sleep((at * EVENT_MS * EVENTS) / conversations / 5);
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
  let events = 0;
  let rest = "";
  try {
    const answer = await fetch(`${origin}/v1/messages?beta=true`, { method: "POST", body, headers });
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    for await (const chunk of answer.body!) {
      const now = clock();
      if (events === 0) seen.firstByte.push(performance.now() - sent);
      seen.chunks++;
      rest += Buffer.from(chunk).toString("latin1");
      for (let at = rest.indexOf("\n\n"); at >= 0; at = rest.indexOf("\n\n")) {
        const written = /"sent":([\d.]+)/.exec(rest.slice(0, at))?.[1];
        if (written !== undefined) seen.lags.push(now - Number(written));
        events++;
        rest = rest.slice(at + 2);
      }
    }
    if (events !== EVENTS) throw new Error(`${events} events of ${EVENTS}`);
    seen.requests++;
  } catch (error) {
    seen.errors.push((error as Error).message);
  }
}

/** Milliseconds on a clock that all processes of a machine share. */
function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function serveStreams(): void {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      if (request.method !== "POST") return new Response("not found", { status: 404 });
      await request.arrayBuffer();
      return new Response(events(), { headers: { "content-type": "text/event-stream" } });
    },
  });
  console.log(server.url.origin);
}

function events(): ReadableStream<Uint8Array> {
  let timer: Timer | undefined;
  return new ReadableStream({
    start(controller) {
      let left = EVENTS;
      const write = () => {
        controller.enqueue(eventOf(left === EVENTS));
        if (--left > 0) return;
        clearInterval(timer);
        controller.close();
      };
      timer = setInterval(write, EVENT_MS);
      write();
    },
    cancel: () => clearInterval(timer),
  });
}

function eventOf(isFirst: boolean): Uint8Array {
  const usage = { input_tokens: 60, cache_read_input_tokens: 26_000, output_tokens: 1 };
  const data = isFirst
    ? { type: "message_start", message: { id: "m", role: "assistant", content: [], usage } }
    : { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: " word" } };
  return Buffer.from(`event: ${data.type}\ndata: ${JSON.stringify({ ...data, sent: clock() })}\n\n`);
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

/** User and system time of a process (proc_pid_stat(5): fields 14 and 15, in hundredths of a second). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function sampleOf({ child }: Part, since: number): Sample {
  const rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);
  return { seconds: (performance.now() - since) / 1_000, rssMb: Math.round(rssKb / 1_024) };
}

function lineOf({ requests, chunks, firstByte, lags }: Seen): string {
  return `${requests} answers, ${chunks} chunks; first byte p50 ${at(firstByte, 0.5)} p99 ${at(firstByte, 0.99)} ms; chunk p50 ${at(lags, 0.5)} p99 ${at(lags, 0.99)} ms`;
}

function added(direct: Seen, proxied: Seen, times: "firstByte" | "lags"): string {
  return [0.5, 0.99]
    .map((part) => (Number(at(proxied[times], part)) - Number(at(direct[times], part))).toFixed(2))
    .join(" / ");
}

/** At ten times from the start to the end, and the largest. */
function memoryOf(samples: readonly Sample[]): string {
  const some = samples.filter((_, at) => at % Math.ceil(samples.length / 10) === 0);
  const largest = Math.max(...samples.map(({ rssMb }) => rssMb));
  return `${some.map(({ seconds, rssMb }) => `${rssMb} MB at ${seconds.toFixed(0)} s`).join(", ")}; largest ${largest} MB`;
}

function at(times: readonly number[], part: number): string {
  return (times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN).toFixed(2);
}
