/** Two models after one address: each gets what its own chat template can take, and the figures are those of its own server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import { type RouterKind, startRouter } from "./support/router.ts";

/** Ministral's template raises an error unless user and assistant turns alternate; Qwen3-Coder's takes all turns. */
const STRICT = "org/ministral";
const LENIENT = "qwen";
const WORDS = "Some words of a long prompt. ".repeat(40);

interface Shown {
  readonly model: string;
  readonly status: number;
  readonly cached_tokens: number;
  readonly evaluated_tokens: number;
}

let strict: LlamaServer;
let lenient: LlamaServer;
beforeAll(async () => {
  [strict, lenient] = await Promise.all([
    startLlamaServer("dense", "mistralai-Ministral-3-14B-Reasoning-2512.jinja", { n_ctx: 8_192 }),
    startLlamaServer("dense", "Qwen3-Coder.jinja", { n_ctx: 8_192 }),
  ]);
}, 120_000);
afterAll(() => Promise.all([strict, lenient].map((server) => server?.[Symbol.asyncDispose]())));

test.each<[RouterKind, string]>([
  ["llama-server", ""],
  ["llama-swap", ""],
  ["llama-swap", "/upstream/MODEL"],
])(
  "%s with requests to %p/v1/messages",
  async (kind, prefix) => {
    await using stack = new AsyncDisposableStack();
    const router = stack.use(startRouter(kind, { [STRICT]: strict, [LENIENT]: lenient }));
    const proxy = stack.use(await startProxy(router.origin));
    const send = (model: string, words: string) =>
      ask(`${proxy.origin}${prefix.replace("MODEL", encodeURIComponent(model))}`, model, words);

    const before = { [STRICT]: await totalsOf(strict), [LENIENT]: await totalsOf(lenient) };
    for (const words of ["first", "second"]) for (const model of [STRICT, LENIENT]) await send(model, words);

    const { requests } = (await (await fetch(`${proxy.origin}/cache-proxy/stats.json`)).json()) as {
      requests: Shown[];
    };
    expect(requests.map(({ model, status }) => [model, status])).toEqual([
      [STRICT, 200],
      [LENIENT, 200],
      [STRICT, 200],
      [LENIENT, 200],
    ]);
    for (const [model, server] of [
      [STRICT, strict],
      [LENIENT, lenient],
    ] as const) {
      const own = requests.filter((request) => request.model === model);
      const after = await totalsOf(server);
      expect(after.cached - before[model].cached).toBe(sum(own, "cached_tokens"));
      expect(after.evaluated - before[model].evaluated).toBe(sum(own, "evaluated_tokens"));
      expect(own[1]!.cached_tokens).toBeGreaterThan(own[1]!.evaluated_tokens);
    }
    // A question about a model names it, so that no router loads another one to answer it.
    const about = router.asked.filter((one) => /^GET .*\/?props/.test(one) && one !== "GET /props");
    expect(about.length).toBeGreaterThan(0);
    expect(about.every((one) => one.includes(encodeURIComponent(STRICT)) || one.includes(LENIENT))).toBe(
      true,
    );
  },
  120_000,
);

// --- internal ---

/** Words of the user right after a tool result, which only the lenient template takes as a turn of their own. */
async function ask(origin: string, model: string, words: string): Promise<void> {
  const id = "toolu_000000001";
  const messages = [
    { role: "user", content: WORDS },
    { role: "assistant", content: [{ type: "tool_use", id, name: "Bash", input: { command: "ls" } }] },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: id, content: "a b" },
        { type: "text", text: words },
      ],
    },
  ];
  const tools = [
    { name: "Bash", input_schema: { type: "object", properties: { command: { type: "string" } } } },
  ];
  const body = JSON.stringify({ model, max_tokens: 8, stream: true, system: WORDS, tools, messages });
  const answer = await fetch(`${origin}/v1/messages`, { method: "POST", body });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
}

async function totalsOf(server: LlamaServer): Promise<{ cached: number; evaluated: number }> {
  const totals = await server.metrics();
  const named = (name: string) => totals.get(`llamacpp:${name}`) ?? Number.NaN;
  return { cached: named("prompt_tokens_cached_total"), evaluated: named("prompt_tokens_total") };
}

function sum(requests: readonly Shown[], name: "cached_tokens" | "evaluated_tokens"): number {
  return requests.reduce((total, request) => total + (request[name] ?? Number.NaN), 0);
}
