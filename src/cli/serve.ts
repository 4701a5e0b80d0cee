import { networkInterfaces } from "node:os";
import type { BodyNotes } from "../proxy/forward.ts";
import { isLoopback } from "../proxy/guard.ts";
import { createRepairs } from "../proxy/repairs.ts";
import { type ProxySettings, type Proxy as RunningProxy, startProxy } from "../proxy/server.ts";
import { createReport } from "../report/report.ts";
import { askProps, KnownServer } from "../upstream/props.ts";
import { banner, exposureWarning, upstreamWarning } from "./banner.ts";
import { log } from "./log.ts";
import { type Options, UsageError } from "./options.ts";

/** Runs the proxy until a signal; resolves to the exit code. Throws with one line for the user when it cannot start. */
export async function serve(options: Options): Promise<number> {
  refuseItself(options);
  const server = new KnownServer(options.upstream);
  const report = createReport({
    upstream: options.upstream,
    logFormat: options.logFormat,
    quiet: options.quiet,
    isTerminal: process.stderr.isTTY === true,
    columns: () => process.stderr.columns,
    write: (text) => process.stderr.write(text),
  });
  const proxy = listen(options, {
    ...options,
    rewrite: createRepairs(options, server),
    onLost: () => server.forget(),
    onNotes: options.verbose ? (notes) => log.log(describeBody(notes)) : undefined,
    watcher: report.watcher,
    own: report.own,
  });
  process.on("SIGUSR1", () => log.log(report.summary() || "no inference request yet"));
  const ended = untilSignal();
  await greet(options, proxy.url);
  const stopped = ended.then(() => proxy.stop());
  await ended;
  // The pages' streams never end by themselves; without them, only requests in progress keep the proxy.
  report.close();
  await stopped;
  const summary = report.summary();
  if (summary && !options.quiet) log.log(summary);
  return 0;
}

// --- internal ---

/** A proxy that forwards to itself would answer its own requests for ever. */
function refuseItself({ host, port, upstream }: Options): void {
  const { protocol, hostname, port: upstreamPort } = new URL(upstream.origin);
  if (protocol !== "http:" || port === 0 || Number(upstreamPort || 80) !== port) return;
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  const everywhere = host === "0.0.0.0" || host === "::";
  const isOwn =
    name === host ||
    (isLoopback(name) && (isLoopback(host) || everywhere)) ||
    (everywhere && isOwnAddress(name));
  if (!isOwn) return;
  throw new UsageError(
    `--upstream ${upstream.origin} is the proxy itself; give llama-server's address, or another --port`,
  );
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
    throw new Error(`cannot listen on ${host}:${port}: ${message}`);
  }
}

async function greet(options: Options, url: string): Promise<void> {
  const answer = await askProps(options.upstream);
  if (!options.quiet) log.log(banner(options, url, answer));
  for (const warning of [exposureWarning(options), upstreamWarning(options, answer)])
    if (warning) log.warn(warning);
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

function describeBody({ method, path, before, after, notes }: BodyNotes): string {
  const size = before === after ? `${before} bytes` : `${before} to ${after} bytes`;
  return `${method} ${path}: ${size}; ${notes.join("; ") || "nothing to normalise"}`;
}
