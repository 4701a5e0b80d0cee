/**
 * What llama-server evaluates of real Claude Code sessions, with and without cache-proxy, and after pauses with and without warm-ups. The
 * sessions are played anew by the real client and nothing of them is kept. On a test server (Linux, random weights), or on your own:
 * `bun run bench cache --llama-server /path/to/llama-server --model model.gguf [-- more of its flags]`.
 */
import { claudeCode, newestVersion } from "../../tests/e2e/setup/claude-code.ts";
import { type LlamaServer, startLlamaServer, startOwnServer } from "../../tests/e2e/support/llama-server.ts";
import { afterLoop, afterRestart, firstOfDay, tokensOf } from "../../tests/e2e/support/pauses.ts";
import { startProxy } from "../../tests/e2e/support/proxy.ts";
import type { Recorded } from "../../tests/e2e/support/recording.ts";
import { type Measured, replay } from "../../tests/e2e/support/replay.ts";
import { projectSwitch, recordStory, STORIES } from "../../tests/e2e/support/stories.ts";
import { machine, printTable, round, type Summary } from "./figures.ts";

export interface CacheOptions {
  /** A llama-server and a model of the reader's own. */
  readonly llamaServer?: string | undefined;
  readonly model?: string | undefined;
  readonly flags?: readonly string[];
}

/** Prints one row per story and way: requests, failed ones, prompt tokens, evaluated ones, and the seconds that the story took. */
export async function benchCache(options: CacheOptions = {}): Promise<Summary> {
  const claude = await claudeCode(await newestVersion());
  console.log(machine());
  console.log(`command: bun run bench cache; Claude Code ${claude.version}, ${nameOf(options)}`);
  const start = (template: string) => () => startServer(options, template);
  const summary: Record<string, Record<string, number>> = {};
  for (const [name, story] of Object.entries({ ...CHOSEN, "another project": projectSwitch })) {
    const requests = await recordStory(story, claude);
    summary[`${name}, raw`] = await replayed(requests, start(ACCEPTING), false);
    summary[`${name}, cache-proxy`] = await replayed(requests, start(ACCEPTING), true);
  }
  for (const warm of ["off", "auto"] as const) {
    const dropping = start(DROPPING);
    const { last } = await afterLoop(dropping, warm);
    summary[`next message after 10 tool calls, --warm ${warm}`] = rowOf([last.measured]);
    summary[`next message after a restart, --warm ${warm}`] = rowOf([await afterRestart(dropping, warm)]);
    const remember = warm === "auto" ? "on" : "off";
    summary[`first request of a day, --remember ${remember}`] = rowOf([await firstOfDay(dropping, remember)]);
  }
  printTable(summary);
  return summary;
}

// --- internal ---

/** A template that accepts what Claude Code sends, so that there is something to compare with. */
const ACCEPTING = "Qwen3-Coder.jinja";
/** A template that drops the thinking of a tool loop. */
const DROPPING = "Qwen3.5-4B.jinja";

const CHOSEN = Object.fromEntries(
  ["tool calls", "subagent", "two sessions", "/compact"].map((name) => [name, STORIES[name]!]),
);

/** The requests one after the other on a server that has just started. */
async function replayed(
  requests: readonly Recorded[],
  start: () => Promise<LlamaServer>,
  isProxied: boolean,
): Promise<Record<string, number>> {
  await using server = await start();
  await using proxy = isProxied ? await startProxy(server.origin) : undefined;
  const begun = performance.now();
  const measured: Measured[] = [];
  for (const request of requests) measured.push(await replay(request, server, proxy?.origin));
  return { ...rowOf(measured), seconds: round((performance.now() - begun) / 1_000) };
}

function rowOf(measured: readonly Measured[]): Record<string, number> {
  const sum = (numberOf: (one: Measured) => number) => measured.reduce((all, one) => all + numberOf(one), 0);
  return {
    requests: measured.length,
    failed: sum(({ status }) => (status === 200 ? 0 : 1)),
    prompt_tokens: sum(tokensOf),
    evaluated_tokens: sum(({ evaluated = 0 }) => evaluated),
  };
}

function nameOf({ llamaServer, model, flags = [] }: CacheOptions): string {
  if (llamaServer) return [llamaServer, "--model", model, ...flags].join(" ");
  return `test server, ${ACCEPTING}, after pauses ${DROPPING}`;
}

/** A reader's own model has a template of its own. */
function startServer(
  { llamaServer, model = "", flags = [] }: CacheOptions,
  template: string,
): Promise<LlamaServer> {
  if (!llamaServer) return startLlamaServer("dense", template);
  return startOwnServer([llamaServer, "--model", model, "--parallel", "1", "--metrics", ...flags]);
}
