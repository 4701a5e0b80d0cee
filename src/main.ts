#!/usr/bin/env bun
import { stripVTControlCharacters } from "node:util";
import { renderUsage } from "citty";
import { command, readOptions, UsageError, version } from "./cli/options.ts";
import { serve } from "./cli/serve.ts";

/** Exit codes: 0 after a signal or a text that was asked for, 1 when it cannot run, 2 when it was called wrongly. */
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = readOptions(argv);
    if (options === "version") return print(version);
    if (options === "help") return print(await usage());
    return await serve(options);
  } catch (error) {
    console.error(`cache-proxy: ${(error as Error).message}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function usage(): Promise<string> {
  const text = await renderUsage(command);
  return process.stdout.isTTY ? text : stripVTControlCharacters(text);
}

function print(text: string): number {
  console.log(text);
  return 0;
}
