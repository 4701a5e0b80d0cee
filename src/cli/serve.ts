import { isIP } from "node:net";
import type { ConsolaInstance } from "consola/core";
import { type App, startApp } from "../app.ts";
import { createLog } from "../terminal/log.ts";
import type { Output } from "../terminal/output.ts";
import { headsFolder } from "../warm/heads.ts";
import { banner, bannerFields, exposureWarning, upstreamWarning } from "./banner.ts";
import { type Options, UsageError } from "./options.ts";

/** Runs the proxy until a signal; resolves to the exit code. Throws with one line for the user when it cannot start. */
export async function serve(options: Options, output: Output): Promise<number> {
  const log = createLog(output, options.logFormat);
  const app = await listen(options, () =>
    startApp({ ...options, headsFolder: folderOf(options), stays: true }, output, log),
  );
  const signal = firstSignal(output);
  surviveStrayErrors(app, log);
  await refuseItself(options, app);
  process.on("SIGUSR1", () => saySummary(app, log, "no inference request has finished yet"));
  await Promise.race([greet(options, app, log), signal]);
  if ((await signal) === "SIGINT" && options.logFormat === "text" && !options.quiet) output.interrupted();
  const stopped = app.stop();
  if (!options.quiet) sayWhatIsLeft(app, log);
  await stopped;
  if (!options.quiet) saySummary(app, log);
  return 0;
}

/** Starts the app; throws one line for the user when it cannot listen. */
export async function listen(options: Options, start: () => App): Promise<App> {
  try {
    return start();
  } catch (error) {
    throw new Error(await whyNot(options, error as { code?: string; message: string }));
  }
}

/** Where the heads of requests are remembered; `undefined` with `--remember off`. */
export function folderOf({ remember }: Options): string | undefined {
  return remember === "on" ? headsFolder(process.env, process.platform) : undefined;
}

// --- internal ---

async function whyNot(
  { host, port }: Options,
  { code, message }: { code?: string; message: string },
): Promise<string> {
  // For an unknown name Bun 1.4.5 reports whatever the last failed system call was.
  if (code === "EADDRNOTAVAIL" || !(await isKnown(host)))
    return `cannot listen on ${host}:${port}: it is not an address of this machine`;
  if (code === "EADDRINUSE")
    return `${host}:${port} is already in use, perhaps by another cache-proxy; stop that or pass another --port (0 picks a free one)`;
  const cause = code === "EACCES" ? "only root may listen on a port below 1024" : message;
  return `cannot listen on ${host}:${port}: ${cause}`;
}

async function isKnown(host: string): Promise<boolean> {
  if (isIP(host) !== 0) return true;
  return await Bun.dns.lookup(host).then(
    () => true,
    () => false,
  );
}

/** A proxy that forwards to itself would answer its own requests forever. */
export async function refuseItself({ upstream }: Options, app: App): Promise<void> {
  if (!(await app.isOwnUpstream())) return;
  await app.kill();
  throw new UsageError(
    `--upstream ${upstream.origin} is the proxy itself; pass llama-server's address, or another --port`,
  );
}

/**
 * Without a handler, a rejection that nobody awaits or an exception in a timer ends the process in Bun 1.4.5, and with it every request in
 * progress. The first one is reported as a warning; all of them are counted in stats.json.
 */
export function surviveStrayErrors(app: App, log: ConsolaInstance): void {
  let hasWarned = false;
  const note = (error: unknown): void => {
    const text = app.failures.note(error);
    if (hasWarned) return;
    hasWarned = true;
    log.warn(`internal error in cache-proxy; please report it: ${text}`);
  };
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
}

async function greet(options: Options, app: App, log: ConsolaInstance): Promise<void> {
  const answer = await app.probe();
  if (!options.quiet)
    say(log, "start", banner(options, app.url, app.server), bannerFields(options, app.url, app.server));
  for (const warning of [exposureWarning(options), upstreamWarning(options, answer)])
    if (warning) log.warn(warning);
}

/** A long prefill may take minutes, in which nothing else would happen on the terminal. */
function sayWhatIsLeft({ running }: App, log: ConsolaInstance): void {
  if (running === 0) return;
  const requests = running === 1 ? "1 request" : `${running} requests`;
  say(log, "stop", `waiting for ${requests} to finish; press Ctrl-C again to quit now`);
}

function saySummary(app: App, log: ConsolaInstance, none = ""): void {
  say(log, "summary", app.summary() || none, app.summaryFields());
}

/** As text, or as fields where the log is JSON. */
function say(log: ConsolaInstance, event: string, text: string, fields?: Record<string, unknown>): void {
  if (text) log.withTag(event).log(text, ...(fields ? [fields] : []));
}

/** Resolves with the first SIGINT or SIGTERM; a second one ends the program at once, with the shell's exit code for the signal. */
function firstSignal(output: Output): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let signaled = false;
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      process.on(signal, () => {
        if (signaled) {
          output.status(undefined);
          process.exit(code);
        }
        signaled = true;
        resolve(signal);
      });
    }
  });
}
