/** Warm-ups on a real llama-server: they take no slot from another conversation, and wake nobody. */
import { expect, test } from "bun:test";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { type Proxy as RunningProxy, startProxy } from "./support/proxy.ts";
import { listen, record, type TestServer } from "./support/recording.ts";

interface Message {
  readonly role: string;
  readonly content: unknown;
}

interface Slot {
  readonly is_processing: boolean;
  readonly n_prompt_tokens?: number;
}

test("two slots: both conversations are warmed where they are", async () => {
  await using llama = await startLlamaServer("dense", "Qwen3.5-4B.jinja", {
    n_parallel: 2,
    cache_ram_mib: 0,
  });
  await using upstream = endingTurns(llama);
  await using proxy = await startProxy(upstream.origin, "--verbose");
  const [a, b] = [conversation("Count the sheep."), conversation("Count the goats.")];
  // At the same time, so that each gets a slot of its own.
  await Promise.all([a.say(proxy), b.say(proxy)]);
  const before = await heldTokens(llama);
  await warmUps(proxy, 2);
  const after = await heldTokens(llama);
  for (const [at, tokens] of before.entries()) expect(Math.abs(after[at]! - tokens)).toBeLessThan(40);
  for (const one of [a, b]) expect(await one.next(proxy)).toBeLessThan(40);
}, 60_000);

test("one slot without a RAM cache: only the newest conversation is warmed", async () => {
  await using llama = await startLlamaServer("dense", "Qwen3.5-4B.jinja", { cache_ram_mib: 0 });
  await using upstream = endingTurns(llama);
  await using proxy = await startProxy(upstream.origin, "--verbose");
  const [a, b] = [conversation("Count the sheep."), conversation("Count the goats.")];
  const [, ofB] = await Promise.all([a.say(proxy), Bun.sleep(100).then(() => b.say(proxy))]);
  await warmUps(proxy, 1);
  await Bun.sleep(2_000);
  expect(proxy.messages().match(/warm|after a turn/g)).toHaveLength(1);
  expect(Math.abs((await heldTokens(llama))[0]! - ofB)).toBeLessThan(40);
  expect(await b.next(proxy)).toBeLessThan(40);
}, 60_000);

test("a server that sleeps is not woken", async () => {
  await using llama = await startLlamaServer("dense", "Qwen3.5-4B.jinja", { sleep_idle_seconds: 1 });
  await using upstream = endingTurns(llama);
  await using proxy = await startProxy(upstream.origin, "--verbose");
  await conversation("Count the sheep.").say(proxy);
  while (!(await isSleeping(llama))) await Bun.sleep(50);
  await Bun.sleep(3_000);
  expect(await isSleeping(llama)).toBe(true);
  expect(proxy.messages()).not.toContain("after a turn");
}, 60_000);

// --- internal ---

/** llama-server, but each answer ends the turn: a model with random weights never does. */
function endingTurns({ origin }: LlamaServer): TestServer {
  return listen(async (request) => {
    const { method, target, body } = await record(request);
    const answer = await fetch(origin + target, {
      ...{ method, signal: request.signal, timeout: false, keepalive: false },
      headers: { "content-type": "application/json" },
      ...(method === "POST" && { body }),
    } as RequestInit);
    const text = (await answer.text()).replace('"stop_reason":"max_tokens"', '"stop_reason":"end_turn"');
    return new Response(text, {
      status: answer.status,
      headers: { "content-type": answer.headers.get("content-type") ?? "" },
    });
  });
}

/** A main conversation with about 2,000 tokens of its own system prompt. */
function conversation(words: string) {
  const session = crypto.randomUUID();
  const messages: Message[] = [{ role: "user", content: words }];
  const ask = async ({ origin }: RunningProxy) => {
    const answer = await fetch(`${origin}/v1/messages`, {
      method: "POST",
      headers: { "user-agent": "claude-cli/2.1.332 (external, cli)", "x-claude-code-session-id": session },
      body: JSON.stringify({
        ...{
          model: "m",
          max_tokens: 8,
          stream: true,
          tools: [{ name: "Bash", input_schema: { type: "object" } }],
        },
        ...{ system: `${words} `.repeat(500), messages },
      }),
      keepalive: false,
    });
    const text = await answer.text();
    const figure = (name: string) =>
      Number([...text.matchAll(new RegExp(`"${name}":(\\d+)`, "g"))].at(-1)?.[1]);
    const content = [
      { type: "text", text: [...text.matchAll(/"text":"(a*)"/g)].map(([, part]) => part).join("") },
    ];
    messages.push({ role: "assistant", content }, { role: "user", content: "Once more." });
    return { cached: figure("cache_read_input_tokens"), evaluated: figure("input_tokens") };
  };
  return {
    /** Resolves with the tokens of the prompt. */
    async say(proxy: RunningProxy): Promise<number> {
      const { cached, evaluated } = await ask(proxy);
      return cached + evaluated;
    },
    /** Resolves with the tokens that the next message evaluates. */
    async next(proxy: RunningProxy): Promise<number> {
      return (await ask(proxy)).evaluated;
    },
  };
}

async function warmUps(proxy: RunningProxy, count: number): Promise<void> {
  while ((proxy.messages().match(/after a turn[^\n]*tokens/g) ?? []).length < count) await Bun.sleep(50);
}

async function heldTokens({ origin }: LlamaServer): Promise<number[]> {
  const slots = (await (await fetch(`${origin}/slots`, { keepalive: false })).json()) as Slot[];
  return slots.map(({ n_prompt_tokens = 0 }) => n_prompt_tokens);
}

async function isSleeping({ origin }: LlamaServer): Promise<boolean> {
  const props = (await (await fetch(`${origin}/props`, { keepalive: false })).json()) as {
    is_sleeping?: boolean;
  };
  return props.is_sleeping === true;
}
