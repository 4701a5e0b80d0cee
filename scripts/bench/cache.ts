/**
 * What llama-server evaluates of real Claude Code sessions, with and without cache-proxy. The sessions are recorded anew from the real client
 * and nothing of them is kept. On a test server (Linux, random weights), or on your own:
 * `bun scripts/bench/cache.ts --llama-server /path/to/llama-server --model model.gguf [-- more of its flags]`.
 */
import { parseArgs } from "node:util";
import { claudeCode, newestVersion } from "../../tests/e2e/setup/claude-code.ts";
import { startChild, within } from "../../tests/e2e/support/child.ts";
import { startLlamaServer } from "../../tests/e2e/support/llama-server.ts";
import { startProxy } from "../../tests/e2e/support/proxy.ts";
import type { Recorded } from "../../tests/e2e/support/recording.ts";
import { resend, withMaxTokens } from "../../tests/e2e/support/replay.ts";
import { recordStory, STORIES } from "../../tests/e2e/support/stories.ts";
import { machine, printTable, round, type Summary } from "./figures.ts";

export interface CacheOptions {
  /** A llama-server and a model of the reader's own. */
  readonly llamaServer?: string | undefined;
  readonly model?: string | undefined;
  readonly flags?: readonly string[];
}

/** Prints one row per story and way: requests, failed ones, evaluated and cached tokens, seconds until the answers began. */
export async function benchCache(options: CacheOptions = {}): Promise<Summary> {
  const claude = await claudeCode(await newestVersion());
  console.log(machine());
  console.log(`command: bun scripts/bench/cache.ts; Claude Code ${claude.version}, ${nameOf(options)}`);
  const summary: Record<string, Record<string, number>> = {};
  for (const name of ["tool calls", "subagent", "two sessions", "/compact"]) {
    const requests = await recordStory(STORIES[name]!, claude);
    summary[`${name}, raw`] = await replayed(requests, options, false);
    summary[`${name}, cache-proxy`] = await replayed(requests, options, true);
  }
  printTable(summary);
  return summary;
}

// --- internal ---

/** The requests one after the other on a server that has just started, each asking for one token. */
async function replayed(
  requests: readonly Recorded[],
  options: CacheOptions,
  isProxied: boolean,
): Promise<Record<string, number>> {
  await using server = await startServer(options);
  await using proxy = isProxied ? await startProxy(server.origin) : undefined;
  const totals = { requests: requests.length, failed: 0, prompt: 0, evaluated: 0, seconds: 0 };
  for (const request of requests) {
    const begun = performance.now();
    const one = { ...request, body: withMaxTokens(request.body, 1) };
    const { status, answer } = await resend(one, proxy?.origin ?? server.origin);
    totals.seconds += (performance.now() - begun) / 1_000;
    if (status !== 200) totals.failed += 1;
    const evaluated = figure(answer, "input_tokens");
    totals.evaluated += evaluated;
    totals.prompt += evaluated + figure(answer, "cache_read_input_tokens");
  }
  return {
    requests: totals.requests,
    failed: totals.failed,
    prompt_tokens: totals.prompt,
    evaluated_tokens: totals.evaluated,
    seconds: round(totals.seconds),
  };
}

function figure(answer: string, name: string): number {
  return Number(new RegExp(`"${name}":(\\d+)`).exec(answer)?.[1] ?? 0);
}

function nameOf({ llamaServer, model, flags = [] }: CacheOptions): string {
  return llamaServer
    ? [llamaServer, "--model", model, ...flags].join(" ")
    : "test server, Qwen3-Coder's template";
}

async function startServer({
  llamaServer,
  model,
  flags = [],
}: CacheOptions): Promise<AsyncDisposable & { readonly origin: string }> {
  if (!llamaServer) return await startLlamaServer("dense", "Qwen3-Coder.jinja");
  const words = [
    llamaServer,
    "--model",
    model ?? "",
    "--host",
    "127.0.0.1",
    "--port",
    "0",
    "--parallel",
    "1",
    ...flags,
  ];
  const child = startChild(words, { env: process.env as Record<string, string> });
  const [, origin = ""] = await within(600_000, child.said(/listening on (http:\S+)/), child.messages);
  return { origin, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { "llama-server": { type: "string" }, model: { type: "string" } },
    allowPositionals: true,
  });
  await benchCache({ llamaServer: values["llama-server"], model: values.model, flags: positionals });
}
