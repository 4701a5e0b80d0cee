import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import type { ConsolaInstance } from "consola/core";
import { isLoopback } from "../proxy/guard.ts";
import { createRepairs } from "../proxy/repairs.ts";
import { type ProxySettings, type Proxy as RunningProxy, startProxy } from "../proxy/server.ts";
import { createReport } from "../report/report.ts";
import type { BodyChange } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import { SessionMemory } from "../session/memory.ts";
import { Upstream } from "../upstream/upstream.ts";
import { banner, exposureWarning, upstreamWarning } from "./banner.ts";
import { createLog } from "./log.ts";
import { type Options, UsageError } from "./options.ts";

/** Runs the proxy until a signal; resolves to the exit code. Throws with one line for the user when it cannot start. */
export async function serve(options: Options): Promise<number> {
  await refuseItself(options);
  // A reader of stderr that goes away, as the `head` of a pipe does, takes the words with it, not the proxy.
  process.stderr.on("error", () => {});
  const log = createLog(options.logFormat);
  const upstream = new Upstream(options.upstream);
  const report = createReport({
    upstream,
    logFormat: options.logFormat,
    quiet: options.quiet,
    isTerminal: process.stderr.isTTY === true,
    columns: () => process.stderr.columns,
    write: (text) => process.stderr.write(text),
    onRewritten:
      options.verbose && !options.quiet
        ? (request, change) => log.withTag("body").log(describeBody(request, change))
        : undefined,
  });
  const proxy = listen(options, {
    ...options,
    upstream,
    repair: createRepairs(options, upstream, new SessionMemory()),
    observer: report.observer,
    own: report.own,
  });
  const summarise = (words: string) => words && log.withTag("summary").log(words);
  process.on("SIGUSR1", () => summarise(report.summary() || "no inference request yet"));
  const ended = untilSignal();
  await greet(options, proxy.url, upstream, log);
  const stopped = ended.then(() => proxy.stop());
  await ended;
  // The pages' streams never end by themselves; without them, only requests in progress keep the proxy.
  report.close();
  if (!options.quiet) {
    // Behind the terminal's own "^C".
    if (process.stderr.isTTY && options.logFormat === "text") process.stderr.write("\n");
    sayWhatIsWaitedFor(proxy, log);
  }
  await stopped;
  if (!options.quiet) summarise(report.summary());
  return 0;
}

// --- internal ---

/** A proxy that forwards to itself would answer its own requests for ever. */
async function refuseItself({ host, port, upstream }: Options): Promise<void> {
  const { protocol, hostname, port: upstreamPort } = new URL(upstream.origin);
  if (protocol !== "http:" || port === 0 || Number(upstreamPort || 80) !== port) return;
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  const everywhere = host === "0.0.0.0" || host === "::";
  const isOwn = (address: string): boolean =>
    address === host ||
    (isLoopback(address) && (isLoopback(host) || everywhere)) ||
    (everywhere && isOwnAddress(address));
  if (![name, ...(await addressesOf(name))].some(isOwn)) return;
  throw new UsageError(
    `--upstream ${upstream.origin} is the proxy itself; give llama-server's address, or another --port`,
  );
}

/** What a name stands for on this machine; none for an address, and for a name that is not known. */
async function addressesOf(name: string): Promise<string[]> {
  if (isIP(name) !== 0) return [];
  const found = await Bun.dns.lookup(name).catch(() => []);
  return found.map(({ address }) => address);
}

function isOwnAddress(name: string): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((infos) => infos ?? []);
  return name === "0.0.0.0" || name === "::" || addresses.some(({ address }) => address === name);
}

function listen({ host, port }: Options, settings: ProxySettings): RunningProxy {
  try {
    return startProxy(settings);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "EADDRINUSE") {
      throw new Error(
        `${host}:${port} is taken, perhaps by another cache-proxy; stop that or pass another --port (0 takes a free one)`,
      );
    }
    throw new Error(`cannot listen on ${host}:${port}: ${whyNot(host, code) ?? message}`);
  }
}

function whyNot(host: string, code: string | undefined): string | undefined {
  if (code === "EACCES") return "only root may listen on a port below 1024";
  // Of a name that is not known Bun 1.4.5 says whatever the last error of some system call was.
  return code === "EADDRNOTAVAIL" || isIP(host) === 0 ? "it is no address of this machine" : undefined;
}

async function greet(options: Options, url: string, upstream: Upstream, log: ConsolaInstance): Promise<void> {
  const answer = await upstream.probe();
  if (!options.quiet) log.withTag("start").log(banner(options, url, answer));
  for (const warning of [exposureWarning(options), upstreamWarning(options, answer)])
    if (warning) log.warn(warning);
}

/** A long prefill may take minutes to end, in which nothing else would happen on the terminal. */
function sayWhatIsWaitedFor({ running }: RunningProxy, log: ConsolaInstance): void {
  if (running === 0) return;
  const requests = running === 1 ? "a request" : `${running} requests`;
  log.withTag("stop").log(`waiting for ${requests} to finish; a second signal ends at once`);
}

/** Resolves with the first SIGINT or SIGTERM; a second one ends the program at once, with the shell's code for a signal. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let signalled = false;
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      process.on(signal, () => {
        if (signalled) process.exit(code);
        signalled = true;
        resolve();
      });
    }
  });
}

function describeBody({ method, path }: ClientRequest, { before, after, notes }: BodyChange): string {
  const size = before === after ? `${before} bytes` : `${before} to ${after} bytes`;
  return `${method} ${path}: ${size}; ${notes.join("; ") || "nothing to normalise"}`;
}
