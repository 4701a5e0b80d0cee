#!/usr/bin/env bun
import type { CommandDef } from "citty";
import { type CommandLine, readCommandLine } from "./cli/commands.ts";
import { renderHelp } from "./cli/help.ts";
import { UsageError, version } from "./cli/options.ts";
import { foreign } from "./format/foreign.ts";
import { Output } from "./terminal/output.ts";

// When the reader of stderr goes away, as `head` does at the end of a pipe, the proxy goes on without it.
process.stderr.on("error", () => {});
const output = new Output(process.stderr);

/**
 * Exit codes: 0 after a signal or a requested text, 1 when it cannot run or doctor has found a problem, 2 for a usage error; `run` ends
 * with the exit code of its command.
 */
process.exitCode = await main(process.argv.slice(2));

type Runnable = Exclude<CommandLine, { name: "help" | "version" | "forget" }>;

async function main(argv: readonly string[]): Promise<number> {
  try {
    const line = readCommandLine(argv);
    if (line.name === "version") return print(version);
    if (line.name === "help") return print(await usage(line.of, line.parent));
    if (line.name === "forget") return print(await (await import("./cli/forget.ts")).forget());
    return await start(line);
  } catch (error) {
    output.line(`cache-proxy: ${foreign((error as Error).message, 500)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Ends the process: an unanswered question to the upstream must not delay the end by its timeout. */
async function start(line: Runnable): Promise<never> {
  const code = await runCommand(line);
  await output.flush();
  process.exit(code);
}

/** Each command is loaded when it is needed: serving starts a little faster without the others. */
async function runCommand(line: Runnable): Promise<number> {
  if (line.name === "serve") return await (await import("./cli/serve.ts")).serve(line.options, output);
  if (line.name === "run") return await (await import("./cli/run/run.ts")).run(line.options, output);
  return await (await import("./cli/doctor/doctor.ts")).doctor(line.options, output);
}

async function usage(of: CommandDef, parent: CommandDef | undefined): Promise<string> {
  const { isTTY, columns } = process.stdout;
  return await renderHelp(of, { columns: columns || 80, color: isTTY && !process.env.NO_COLOR }, parent);
}

function print(text: string): number {
  console.log(text);
  return 0;
}
