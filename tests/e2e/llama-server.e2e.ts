/** What the other tests rely on: the settings of a test's llama.cpp server take effect in every build. */
import { describe, expect, test } from "bun:test";
import { BUILDS } from "./setup/llama-cpp.ts";
import { MODEL_KINDS } from "./setup/models.ts";
import { startLlamaServer } from "./support/llama-server.ts";

const WORDS = "The river runs past the old mill and under the stone bridge. ".repeat(100);

describe.each(BUILDS)("llama.cpp %s", (build) => {
  test.each(MODEL_KINDS)(
    "a %s model answers with text and finds its prompt in the cache",
    async (kind) => {
      await using server = await startLlamaServer(kind, "Qwen3-Coder.jinja", { build });
      const answers = [await ask(server.origin), await ask(server.origin)];
      expect(answers.map((answer) => answer.content)).toEqual(
        Array(2).fill([{ type: "text", text: "aaaa" }]),
      );
      const evaluated = (await server.metrics()).get("llamacpp:prompt_tokens_total") ?? Number.NaN;
      // The second request evaluates only the end of the prompt.
      expect(evaluated).toBeGreaterThan(1000);
      expect(evaluated).toBeLessThan(1500);
    },
    60_000,
  );

  test("a killed server refuses connections; restarted on the same port, its cache is empty", async () => {
    await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja", { build });
    await ask(server.origin);
    await server.kill();
    await expect(ask(server.origin)).rejects.toThrow();
    await server.restart();
    expect((await server.metrics()).get("llamacpp:prompt_tokens_total")).toBe(0);
    await ask(server.origin);
    expect(await server.lastPrompt()).toContain(WORDS);
  }, 60_000);

  test("slots, context, batch size, threads, host cache and API key are as asked for", async () => {
    await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja", {
      build,
      n_parallel: 2,
      n_ctx: 8192,
      n_batch: 512,
      "cpuparams.n_threads": 2,
      cache_ram_mib: 0,
      api_keys: ["secret"],
      verbosity: 4,
    });
    expect((await fetch(`${server.origin}/props`, { keepalive: false })).status).toBe(401);
    const authorized = { headers: { authorization: "Bearer secret" } };
    const props = await (await fetch(`${server.origin}/props`, { ...authorized, keepalive: false })).json();
    expect(props).toMatchObject({ total_slots: 2, default_generation_settings: { n_ctx: 4096 } });
    expect(server.messages()).toMatch(/n_batch\s+= 512/);
    expect(server.messages()).toMatch(/n_threads = 2\b/);
    expect(server.messages()).toContain("prompt cache is disabled");
    expect((await server.metrics()).size).toBeGreaterThan(5);
  }, 60_000);

  test("an idle server unloads its model and loads it again for the next request", async () => {
    await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja", {
      build,
      sleep_idle_seconds: 1,
    });
    await until(() => isSleeping(server.origin));
    expect((await ask(server.origin)).content).toEqual([{ type: "text", text: "aaaa" }]);
  }, 60_000);
});

test("a setting that the build does not have stops the start with its name", async () => {
  const settings = { build: "early-2026", no_such_field: 1 } as const;
  await expect(startLlamaServer("dense", "Qwen3-Coder.jinja", settings)).rejects.toThrow(
    "this build of llama.cpp has no setting no_such_field",
  );
}, 60_000);

// --- internal ---

async function ask(origin: string): Promise<{ content: unknown }> {
  const body = JSON.stringify({ max_tokens: 4, messages: [{ role: "user", content: WORDS }] });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${origin}/v1/messages`, { method: "POST", headers, body, keepalive: false });
  return (await answer.json()) as { content: unknown };
}

async function isSleeping(origin: string): Promise<boolean> {
  const props = (await (await fetch(`${origin}/props`, { keepalive: false })).json()) as {
    is_sleeping?: boolean;
  };
  return props.is_sleeping === true;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await Bun.sleep(200);
}
