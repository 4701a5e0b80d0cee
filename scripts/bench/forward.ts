/**
 * What the proxy adds to a request: the compiled binary between a client and an upstream, beside the same client asking the same
 * upstream directly, in turns; and beside the least that a proxy of Bun.serve and fetch can be, which reads a body and sends it on.
 * `bun run build && bun scripts/bench/forward.ts [requests] [--raw]`; `--raw` prints every single time.
 */
import { existsSync, readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { claudeCodeBody } from "./fixtures.ts";
import { originIn, type Part, startPart } from "./part.ts";

/** Of `messages` and `system`; with its tools the body then has the 104 KB of a usual first request. */
const BODY_BYTES = 34_000;
const HEADER = "x-anthropic-billing-header: cc_version=2.1.119.a1e; cc_entrypoint=cli; cch=f5645;";
/** An answer of llama-server's to a short request, in size. */
const ANSWER = JSON.stringify({ type: "message", content: [{ type: "text", text: "x".repeat(2_000) }] });
const WARM_UP = 300;

const [role = "2000", bareUpstream = ""] = process.argv.slice(2);
if (role === "upstream") serveAnswers();
else if (role === "bare") serveBare(bareUpstream);
else await measure(Number(role), process.argv.includes("--raw"));

type Way = "direct" | "bare" | "proxied";

async function measure(requests: number, raw: boolean): Promise<void> {
  const upstream = await startPart(import.meta.path, "upstream");
  const bare = await startPart(import.meta.path, "bare", upstream.origin);
  const proxy = await startProxy(upstream.origin);
  const body = new Uint8Array(claudeCodeBody({ seed: 1, bytes: BODY_BYTES, header: HEADER }));
  console.log(
    `machine   ${cpus()[0]?.model}, ${cpus().length} cores, ${process.platform} ${release()}, Bun ${Bun.version}`,
  );
  console.log(
    `command   ${proxy.command} with ${requests} POSTs of ${body.length} bytes each way, in turns, after ${WARM_UP}`,
  );
  const started: Readonly<Record<Way, Part>> = { direct: upstream, bare, proxied: proxy };
  const ways = Object.keys(started) as Way[];
  for (let i = 0; i < WARM_UP; i++) for (const way of ways) await time(started[way].origin, body);
  const times: Readonly<Record<Way, number[]>> = { direct: [], bare: [], proxied: [] };
  const before = { bare: cpuMs(bare.child.pid), proxied: cpuMs(proxy.child.pid) };
  for (let i = 0; i < requests; i++)
    for (const way of ways) times[way].push(await time(started[way].origin, body));
  const used = {
    bare: cpuMs(bare.child.pid) - before.bare,
    proxied: cpuMs(proxy.child.pid) - before.proxied,
  };
  const resident = rssMb(proxy.child.pid);
  for (let i = 0; i < requests; i++) await time(proxy.origin, body);
  for (const way of ways) console.log(`${way.padEnd(10)}${spread(times[way])}`);
  for (const way of ["bare", "proxied"] as const) {
    const added = [0.5, 0.99].map((part) => (at(times[way], part) - at(times.direct, part)).toFixed(3));
    const cpu = ((used[way] * 1_000) / requests).toFixed(0);
    console.log(`${way.padEnd(10)}adds p50 ${added[0]}  p99 ${added[1]} ms, ${cpu} µs of CPU a request`);
  }
  console.log(
    `resident  ${resident} MB after ${WARM_UP + requests} requests, ${rssMb(proxy.child.pid)} MB after ${WARM_UP + 2 * requests}; bare ${rssMb(bare.child.pid)} MB`,
  );
  console.log(
    `start     ${(await firstAnswers(upstream.origin, 10)).map((ms) => ms.toFixed(1)).join(" ")} ms to the first 200`,
  );
  if (raw) console.log(JSON.stringify(Object.fromEntries(ways.map((way) => [way, rounded(times[way])]))));
  for (const { child } of Object.values(started)) child.kill();
}

async function time(origin: string, body: Uint8Array<ArrayBuffer>): Promise<number> {
  const begun = performance.now();
  const answer = await fetch(`${origin}/v1/messages?beta=true`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  if ((await answer.text()) !== ANSWER) throw new Error(`not the answer: status ${answer.status}`);
  return performance.now() - begun;
}

/** The binary where there is one for this checkout, else the sources, which start more slowly. */
async function startProxy(upstream: string): Promise<Part & { command: string }> {
  const root = join(import.meta.dir, "../..");
  const binary = join(root, "dist/cache-proxy");
  const program = existsSync(binary) ? [binary] : [process.execPath, join(root, "src/main.ts")];
  const command = [...program, "--port=0", `--upstream=${upstream}`];
  const child = Bun.spawn(command, { stderr: "pipe", stdout: "ignore" });
  return {
    child,
    origin: await originIn(child.stderr),
    command: command.join(" ").replaceAll(`${root}/`, ""),
  };
}

/** From starting the process to its first 200, each time a new one. */
async function firstAnswers(upstream: string, times: number): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) taken.push(await firstAnswer(upstream, 20_000 + i));
  return taken;
}

async function firstAnswer(upstream: string, port: number): Promise<number> {
  const root = join(import.meta.dir, "../..");
  const begun = performance.now();
  const child = Bun.spawn(
    [join(root, "dist/cache-proxy"), `--port=${port}`, `--upstream=${upstream}`, "--quiet"],
    { stderr: "ignore" },
  );
  for (;;) {
    const status = await fetch(`http://127.0.0.1:${port}/`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status !== 200) continue;
    const taken = performance.now() - begun;
    child.kill();
    await child.exited;
    return taken;
  }
}

function serveAnswers(): void {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      await request.arrayBuffer();
      return new Response(ANSWER, { headers: { "content-type": "application/json" } });
    },
  });
  console.log(server.url.origin);
}

/** No repair, no guard, no figures: the least that a proxy of Bun.serve and fetch can do. */
function serveBare(upstream: string): void {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const { method, headers, signal } = request;
      const options = { redirect: "manual", decompress: false, timeout: false } as const;
      const body = await request.bytes();
      return await fetch(`${upstream}${pathname}${search}`, { method, headers, body, signal, ...options });
    },
  });
  console.log(server.url.origin);
}

/** User and system time of a process (proc_pid_stat(5): fields 14 and 15, in hundredths of a second). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function rssMb(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024);
}

function spread(times: readonly number[]): string {
  return (
    [0.01, 0.5, 0.9, 0.99].map((part) => `p${part * 100} ${at(times, part).toFixed(3)}`).join("  ") + " ms"
  );
}

function at(times: readonly number[], part: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN;
}

function rounded(times: readonly number[]): number[] {
  return times.map((ms) => Math.round(ms * 1_000) / 1_000);
}
