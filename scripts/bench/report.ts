/**
 * What the report costs per request: two proxies in front of the same upstream, one with the report (rows to /dev/null, metrics, an open
 * page) and one without, asked in turn by the same client. `bun scripts/bench/report.ts [requests]`
 */
import { openSync, writeSync } from "node:fs";
import { startProxy } from "../../src/proxy/server.ts";
import { Failures } from "../../src/report/failures.ts";
import { Report } from "../../src/report/report.ts";
import type { Observation, Observer } from "../../src/request/observer.ts";
import { RequestLines } from "../../src/terminal/lines.ts";
import { createLog } from "../../src/terminal/log.ts";
import { Output } from "../../src/terminal/output.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { Web } from "../../src/web/web.ts";
import { startPart } from "./part.ts";

/** As in a usual Claude Code request and its answer. */
const BODY_BYTES = 80_000;
const TOKENS = 200;
const WARM_UP = 300;

/** An observer without a report. */
const NOTHING: Observation = { rewritten() {}, sent() {}, answered() {}, chunk() {}, end() {} };
const BLIND: Observer = { begin: () => NOTHING, refused() {} };

const [role = "2000", upstream = ""] = process.argv.slice(2);
if (role === "upstream") serveAnswers();
else if (role === "plain" || role === "report") serveProxy(role, upstream);
else await measure(Number(role));

type Which = "plain" | "report";

async function measure(requests: number): Promise<void> {
  const answers = await startPart(import.meta.path, "upstream");
  const proxies = {
    plain: await startPart(import.meta.path, "plain", answers.origin),
    report: await startPart(import.meta.path, "report", answers.origin),
  };
  const page = await fetch(`${proxies.report.origin}/cache-proxy/events`);
  // Ends with the proxy.
  page.body?.pipeTo(new WritableStream()).catch(() => {});
  const times: Record<Which, Answered[]> = { plain: [], report: [] };
  const order: readonly Which[] = ["plain", "report", "report", "plain"];
  let before = { plain: 0, report: 0 };
  for (let at = 0; at < WARM_UP + requests * 2; at++) {
    if (at === WARM_UP) before = { plain: await cpu(proxies.plain), report: await cpu(proxies.report) };
    const which = order[at % order.length]!;
    const answered = await ask(proxies[which].origin);
    if (at >= WARM_UP) times[which].push(answered);
  }
  for (const which of ["plain", "report"] as const) {
    const used = ((await cpu(proxies[which])) - before[which]) / times[which].length;
    const [first, last] = [times[which].map(({ first }) => first), times[which].map(({ last }) => last)];
    console.log(
      `${which.padEnd(6)}  first byte ${spread(first)}  last byte ${spread(last)}  CPU ${used.toFixed(0)} µs per request`,
    );
  }
  for (const { child } of [answers, ...Object.values(proxies)]) child.kill();
}

/** Milliseconds since the request was sent. */
interface Answered {
  readonly first: number;
  readonly last: number;
}

async function ask(origin: string): Promise<Answered> {
  const messages = [{ role: "user", content: "x".repeat(BODY_BYTES) }];
  const body = JSON.stringify({ model: "m", stream: true, messages });
  const begun = performance.now();
  const answer = await fetch(`${origin}/v1/messages`, { method: "POST", body });
  let first: number | undefined;
  for await (const _ of answer.body!) first ??= performance.now() - begun;
  return { first: first ?? Number.NaN, last: performance.now() - begun };
}

function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const [p50, p90] = [0.5, 0.9].map((part) => sorted[Math.floor(sorted.length * part)]!.toFixed(3));
  return `p50 ${p50} p90 ${p90} ms`;
}

async function cpu({ origin }: { origin: string }): Promise<number> {
  return Number(await (await fetch(`${origin}/cache-proxy/cpu`)).text());
}

function serveAnswers(): void {
  const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
  const usage = { cache_read_input_tokens: 19_000, input_tokens: 500, output_tokens: 0 };
  const token = event({
    type: "content_block_delta",
    index: 0,
    delta: { type: "text_delta", text: " word" },
  });
  const first = event({ type: "message_start", message: { usage } }) + token;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      await request.arrayBuffer();
      const body = new ReadableStream({
        async start(controller) {
          controller.enqueue(first);
          // Ten at a time, faster than any model generates them.
          for (let sent = 0; sent < TOKENS; sent += 10) {
            await Bun.sleep(1);
            controller.enqueue(token.repeat(10));
          }
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
  console.log(server.url.origin);
}

function serveProxy(kind: "plain" | "report", origin: string): void {
  const sink = openSync("/dev/null", "w");
  const output = new Output({ write: (text) => writeSync(sink, text) });
  const log = createLog(output, "text");
  const upstream = new Upstream({ origin, basePath: "" });
  const report = new Report({ upstream, failures: new Failures(), progressWanted: () => web.isWatched });
  const web = new Web(report, {
    instance: "bench",
    version: "0",
    system_turns: "fold",
    tools: "stable",
    upstream: "",
    stays: true,
  });
  report.listen(new RequestLines({ output, log, logFormat: "text", quiet: false, verbose: false }));
  report.listen(web);
  const proxy = startProxy({
    ...{ host: "127.0.0.1", port: 0, upstream, allowHosts: [] },
    repair: (body) => ({ body, notes: [], facts: { model: "m", stream: true, tools: 14 } }),
    observer: kind === "report" ? report.observer : BLIND,
    own: (method, path) => (path.endsWith("/cpu") ? new Response(String(usedCpu())) : web.own(method, path)),
  });
  console.log(proxy.url);
}

/** Microseconds since the start. */
function usedCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
