import { accessSync, constants } from "node:fs";
import { type App, startApp } from "../../app.ts";
import { foreign } from "../../format/foreign.ts";
import { createLog } from "../../terminal/log.ts";
import { Output } from "../../terminal/output.ts";
import { describeFacts } from "../../terminal/server-line.ts";
import { type Address, urlOf } from "../../upstream/address.ts";
import { settles } from "../../upstream/settles.ts";
import { runningProxy } from "../../web/health.ts";
import { ARGS, version } from "../options.ts";
import { folderOf, listen, refuseItself, surviveStrayErrors } from "../serve.ts";
import { awaitUpstream, type ReadyServer } from "./await-upstream.ts";
import { isClaudeCode, readSettings, settingsEnv, versionOf } from "./claude-code.ts";
import { NOT_EXECUTABLE, NOT_FOUND, runInForeground } from "./command.ts";
import { credentialsOf } from "./credentials.ts";
import { Interrupted, Interruption } from "./interruption.ts";
import { launchClaudeCode, launchOther } from "./launch.ts";
import { type LogFile, openLog } from "./log-file.ts";
import type { RunOptions } from "./options.ts";
import { OwnServer, placed } from "./own-server.ts";
import { commandLine, type Launch, script, shellOf } from "./shell.ts";

/**
 * Runs a command with a proxy of its own, or one that is already running, and resolves to its exit code. Throws with one line for the
 * user when it cannot start.
 */
export async function run(options: RunOptions, output: Output): Promise<number> {
  const missing = missingProgram(options.command);
  if (missing !== undefined && !options.dryRun) return refuse(missing, options.command[0]!, output);
  if (options.server && !options.dryRun) return await runWithServer(options, output);
  const ready = await readyServer(options, output);
  if (options.dryRun) return await print(options, ready, output);
  const shared = await sharedProxy(options);
  if (shared !== undefined) return await runWith(shared, options, ready, output);
  return await runWithOwnProxy(options, ready, undefined, output);
}

// --- internal ---

function missingProgram([program = ""]: readonly string[]): number | undefined {
  if (Bun.which(program)) return undefined;
  return /[/\\]/.test(program) && exists(program) ? NOT_EXECUTABLE : NOT_FOUND;
}

function exists(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

function refuse(code: number, program: string, output: Output): number {
  const reason = code === NOT_FOUND ? "command not found" : "the file is not executable";
  output.line(`cache-proxy: ${foreign(program)}: ${reason}`);
  return code;
}

/** Stops the server whatever happens. */
async function runWithServer(options: RunOptions, output: Output): Promise<number> {
  const interruption = new Interruption();
  const server = await OwnServer.start(options);
  const check = () => {
    interruption.check();
    server.checkStart();
  };
  try {
    const settings = { headers: credentialsOf(), output, quiet: options.quiet, wait: true, check };
    const ready = await awaitUpstream(server.address, settings);
    return await runWithOwnProxy(options, ready, server, output);
  } catch (error) {
    if (error instanceof Interrupted) return error.code;
    throw error;
  } finally {
    await server.stop();
    interruption.close();
  }
}

async function readyServer(
  { upstream, wait, dryRun, quiet }: RunOptions,
  output: Output,
): Promise<ReadyServer> {
  const settings = { headers: credentialsOf(), output, quiet };
  if (!dryRun) return await awaitUpstream(upstream, { ...settings, wait });
  // What the server would say can be left out of what is printed.
  return await awaitUpstream(upstream, { ...settings, wait: false }).catch(() => UNKNOWN);
}

const UNKNOWN: ReadyServer = { facts: undefined, status: 0, models: [] };

/**
 * A proxy in front of the same server that a user has started to stay, at the port given or at the usual one. None serves where `run` starts the
 * server, or where a flag needs a proxy of its own.
 */
async function sharedProxy({
  port,
  upstream,
  server,
  needsOwnProxy,
}: RunOptions): Promise<string | undefined> {
  if (server || needsOwnProxy) return undefined;
  const origin = `http://127.0.0.1:${port || ARGS.port.default}`;
  const health = await runningProxy({ origin });
  return health?.upstream === urlOf(upstream) && health.stays ? origin : undefined;
}

async function runWith(
  url: string,
  options: RunOptions,
  ready: ReadyServer,
  output: Output,
): Promise<number> {
  if (!options.quiet)
    output.line(`cache-proxy ${version}: using the proxy at ${url}, live page ${url}/cache-proxy/`);
  const { env, command } = await launch(url, options, ready, output);
  return await runInForeground(command, { ...process.env, ...env });
}

async function runWithOwnProxy(
  options: RunOptions,
  ready: ReadyServer,
  server: OwnServer | undefined,
  output: Output,
): Promise<number> {
  const file = openLog("run", options.logFile);
  const app = await start(options, server, file);
  try {
    if (!options.quiet) output.line(greeting(app, ready, file, server, options.upstream));
    const { env, command } = await launch(app.url, options, ready, output);
    return await runInForeground(command, { ...process.env, ...env });
  } finally {
    // The command is gone, and with it everybody who waits for an answer.
    await settles(app.stop(), STOP_MS);
    await app.kill();
    const summary = app.summary();
    if (!options.quiet) output.line(farewell(summary, file, server));
    file.close();
  }
}

const STOP_MS = 500;

/** Everything that the proxy writes goes to the file: the terminal is the command's. */
async function start(options: RunOptions, server: OwnServer | undefined, file: LogFile): Promise<App> {
  const output = new Output(file);
  const log = createLog(output, options.logFormat);
  const settings = server ? { ...options, upstream: server.address, ready: () => server.ready() } : options;
  const app = await listen(options, () =>
    startApp(
      { ...settings, headsFolder: folderOf(options), projectFolder: process.cwd(), stays: false },
      output,
      log,
    ),
  );
  server?.onNote((note) => log.warn(note));
  surviveStrayErrors(app, log);
  await refuseItself(options, app);
  return app;
}

function greeting(
  app: App,
  { facts }: ReadyServer,
  file: LogFile,
  server: OwnServer | undefined,
  upstream: Address,
): string {
  const what = facts ? describeFacts(facts).join(", ") : "not a llama-server, or one that shows no /props";
  return [
    `cache-proxy ${version}: ${app.url} forwards to ${urlOf(server?.address ?? upstream)} (${what})`,
    `  live page  ${app.url}/cache-proxy/`,
    `  log        ${file.path}`,
    ...(server ? [`  server log ${server.logPath}`] : []),
  ].join("\n");
}

function farewell(summary: string, file: LogFile, server: OwnServer | undefined): string {
  const lines = summary === "" ? ["no inference requests"] : [summary];
  return [
    `cache-proxy: ${lines.join("\n")}`,
    `  log        ${file.path}`,
    ...(server ? [`  server log ${server.logPath}`] : []),
  ].join("\n");
}

async function launch(
  url: string,
  { command, quiet }: RunOptions,
  { facts, models, status }: ReadyServer,
  output: Output,
): Promise<Launch> {
  const program = Bun.which(command[0]!) ?? command[0]!;
  if (!isClaudeCode(command[0]!)) return launchOther(command, { url });
  const user = { ...process.env, ...settingsEnv(process.cwd(), process.env) };
  const [model, ...others] = models;
  if (!quiet && others.length > 0 && user.ANTHROPIC_MODEL === undefined)
    output.line(`  model      ${foreign(model!)}; set ANTHROPIC_MODEL for another one of ${models.length}`);
  if (!quiet && status === 401) output.line("  the server wants an API key: set ANTHROPIC_AUTH_TOKEN to it");
  return launchClaudeCode(command, {
    ...{ url, model, user, readSettings, context: facts?.context },
    version: await versionOf(program),
  });
}

async function print(options: RunOptions, ready: ReadyServer, output: Output): Promise<number> {
  const { port, shell = shellOf(process.env, process.platform) } = options;
  const server = options.server && (await placed(options.server, options));
  const upstream = server?.address ?? options.upstream;
  const shared = await sharedProxy(options);
  const url = shared ?? `http://127.0.0.1:${port || ARGS.port.default}`;
  if (server) console.log(`# start the server first: ${commandLine(server.words, shell)}`);
  if (shared === undefined)
    console.log(
      `# start the proxy ${server ? "then" : "first"}: cache-proxy --port ${new URL(url).port || 80} --upstream ${urlOf(upstream)}`,
    );
  console.log(script(await launch(url, options, ready, output), shell));
  return 0;
}
