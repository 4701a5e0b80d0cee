/**
 * All benchmarks, or those that are named: `bun run bench [rewrite] [forward] [cache] [--keep]`. With `--keep` the figures go into
 * bench/runs/<date>-<machine>/. `--llama-server PATH --model GGUF [-- more of its flags]` measures the cache on a server of your own.
 */
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchCache } from "./bench/cache.ts";
import type { Summary } from "./bench/figures.ts";
import { benchForward } from "./bench/forward.ts";
import { benchRewrite } from "./bench/rewrite.ts";

const PARTS: Readonly<Record<string, () => Summary | Promise<Summary>>> = {
  rewrite: () => benchRewrite(1),
  forward: () => benchForward(1_000),
  cache: () => benchCache(cacheOptions),
};

const end = process.argv.indexOf("--");
const { values, positionals } = parseArgs({
  args: process.argv.slice(2, end < 0 ? undefined : end),
  options: {
    keep: { type: "boolean" },
    machine: { type: "string", default: hostname() },
    "llama-server": { type: "string" },
    model: { type: "string" },
  },
  allowPositionals: true,
});
const cacheOptions = {
  llamaServer: values["llama-server"],
  model: values.model,
  flags: end < 0 ? [] : process.argv.slice(end + 1),
};
if ((values["llama-server"] === undefined) !== (values.model === undefined)) {
  console.error("bench: --llama-server and --model belong together");
  process.exit(2);
}
const unknown = positionals.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`bench: unknown part ${unknown.join(", ")}; the parts are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}

for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  console.log(`\n== ${name}`);
  const summary = await PARTS[name]!();
  if (values.keep) await keep(name, summary);
}
process.exit(0);

/** The table as Markdown and the figures as JSON; no single times. */
async function keep(name: string, summary: Summary): Promise<void> {
  const date = new Date().toISOString().slice(0, 10);
  const folder = join(import.meta.dir, "../bench/runs", `${date}-${values.machine}`);
  mkdirSync(folder, { recursive: true });
  await Bun.write(join(folder, `${name}.json`), `${JSON.stringify(summary, undefined, 2)}\n`);
  console.log(`kept in ${folder}`);
}
