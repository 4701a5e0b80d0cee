#!/usr/bin/env bun
import { renderHelp } from "./cli/help.ts";
import { command, type Options, readOptions, UsageError, version } from "./cli/options.ts";
import { serve } from "./cli/serve.ts";
import { foreign } from "./format/foreign.ts";
import { Output } from "./terminal/output.ts";

// When the reader of stderr goes away, as `head` does at the end of a pipe, the proxy goes on without it.
process.stderr.on("error", () => {});
const output = new Output(process.stderr);

/** Exit codes: 0 after a signal or a requested text, 1 when it cannot run, 2 for a usage error. */
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = readOptions(argv);
    if (options === "version") return print(version);
    if (options === "help") return print(await usage());
    return await run(options);
  } catch (error) {
    output.line(`cache-proxy: ${foreign((error as Error).message, 500)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Ends the process: an unanswered question to the upstream must not delay the end by its timeout. */
async function run(options: Options): Promise<never> {
  const code = await serve(options, output);
  await output.flush();
  process.exit(code);
}

async function usage(): Promise<string> {
  const { isTTY, columns } = process.stdout;
  return await renderHelp(command, {
    columns: columns || 80,
    color: isTTY && !process.env.NO_COLOR,
  });
}

function print(text: string): number {
  console.log(text);
  return 0;
}
