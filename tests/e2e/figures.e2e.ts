/** The proxy's figures equal the server's: those of each request match its answer, and their sums match the server's totals. */
import { expect, test } from "bun:test";
import { claudeCode } from "./setup/claude-code.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { Recorded } from "./support/recording.ts";
import { resend, withMaxTokens } from "./support/replay.ts";
import { recordStory, toolCalls } from "./support/stories.ts";
import { table } from "./support/table.ts";

interface Figures {
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly evaluated_tokens: number;
  readonly output_tokens: number;
}

const NAMES = ["prompt_tokens", "cached_tokens", "evaluated_tokens", "output_tokens"] as const;
const WORDS = "Tell me of a long prompt, one word after the other. ".repeat(200);

test("stats.json reports the same figures as llama-server's answers and totals", async () => {
  const session = await recordStory(toolCalls, await claudeCode("2.1.119"));
  await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja");
  await using proxy = await startProxy(server.origin);
  const own: Figures[] = [];
  for (const request of [...session.map(limited), ...otherRequests()]) {
    const { status, answer } = await resend(request, proxy.origin);
    expect({ target: request.target, status, answer }).toMatchObject({ status: 200 });
    own.push(figuresIn(answer));
  }

  const stats = (await (await fetch(`${proxy.origin}/cache-proxy/stats.json`)).json()) as Stats;
  const shown = stats.requests.map(pick);
  console.log(
    `\n${table(
      ["endpoint", ...NAMES],
      stats.requests.map((one) => [one.endpoint, ...NAMES.map((name) => one[name])]),
    )}\n`,
  );
  expect(shown).toEqual(own);
  expect(pick(stats.totals)).toEqual(await totalsOf(server));
}, 180_000);

// --- internal ---

interface Stats {
  readonly totals: Figures;
  readonly requests: readonly (Figures & { readonly endpoint: string })[];
}

function pick({ prompt_tokens, cached_tokens, evaluated_tokens, output_tokens }: Figures): Figures {
  return { prompt_tokens, cached_tokens, evaluated_tokens, output_tokens };
}

function limited(request: Recorded): Recorded {
  return { ...request, body: withMaxTokens(request.body, 8) };
}

/** The other endpoints and kinds of answer. Prompts are repeated, so that there is something cached. */
function otherRequests(): Recorded[] {
  const messages = [{ role: "user", content: WORDS }];
  return [
    post("/v1/messages", { max_tokens: 8, messages }),
    post("/v1/chat/completions", { max_tokens: 8, messages }),
    post("/v1/chat/completions", { max_tokens: 8, messages, stream: true }),
    post("/v1/chat/completions", {
      max_tokens: 8,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    }),
    post("/v1/completions", { max_tokens: 8, prompt: WORDS }),
    post("/v1/completions", { max_tokens: 8, prompt: WORDS, stream: true }),
    post("/completion", { n_predict: 8, prompt: WORDS }),
    post("/completion", { n_predict: 8, prompt: WORDS, stream: true }),
  ];
}

function post(target: string, body: object): Recorded {
  const bytes = new TextEncoder().encode(JSON.stringify({ model: "any", ...body }));
  return {
    method: "POST",
    target,
    headers: new Headers({ "content-type": "application/json" }),
    body: bytes,
  };
}

type Json = Readonly<Record<string, number | undefined>>;

/** Reads all JSON values of an answer, which the proxy never does. Later figures override earlier ones. */
function figuresIn(answer: string): Figures {
  const lines = answer.startsWith("{")
    ? [answer]
    : [...answer.matchAll(/^data: (\{.*)$/gm)].map(([, data = ""]) => data);
  const values = lines.map(
    (line) => JSON.parse(line) as { usage?: Json; message?: { usage?: Json }; timings?: Json },
  );
  const timings = values.findLast((value) => value.timings)?.timings;
  if (timings) return figures(timings.cache_n, timings.prompt_n, timings.predicted_n);
  const usage = values.map((value) => ({ ...value.message?.usage, ...value.usage }));
  const { cache_read_input_tokens, input_tokens, output_tokens } = Object.assign({}, ...usage) as Json;
  return figures(cache_read_input_tokens, input_tokens, output_tokens);
}

async function totalsOf(server: LlamaServer): Promise<Figures> {
  const metrics = await server.metrics();
  const total = (name: string) => metrics.get(`llamacpp:${name}_total`);
  return figures(total("prompt_tokens_cached"), total("prompt_tokens"), total("tokens_predicted"));
}

function figures(cached = Number.NaN, evaluated = Number.NaN, output = Number.NaN): Figures {
  return {
    prompt_tokens: cached + evaluated,
    cached_tokens: cached,
    evaluated_tokens: evaluated,
    output_tokens: output,
  };
}
