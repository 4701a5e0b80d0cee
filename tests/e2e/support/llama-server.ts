import { llamaModels, llamaServer } from "../setup/llama-cpp.ts";
import { type ModelKind, model } from "../setup/models.ts";
import { startChild, within } from "./child.ts";
import type { TestServer } from "./recording.ts";

export interface LlamaServer extends TestServer {
  /** The totals of GET /metrics by name. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** The prompt of the last request as the chat template rendered it. */
  lastPrompt(): Promise<string>;
  /** How many tokens both texts begin with. */
  sharedTokens(one: string, other: string): Promise<number>;
}

/** Starts a real llama-server with one slot on a free port. `template` is a file name of llama.cpp's models/templates; later `flags` win. */
export async function startLlamaServer(
  kind: ModelKind,
  template: string,
  ...flags: string[]
): Promise<LlamaServer> {
  const [binary, weights, templateFile] = await Promise.all([
    llamaServer(),
    model(kind),
    llamaModels(`templates/${template}`),
  ]);
  const child = startChild(
    [binary, "--model", weights, "--chat-template-file", templateFile, ...FLAGS, ...flags],
    {
      // With this, GET /slots shows the rendered prompt (llama.cpp tools/server/server-context.cpp, server_slot::to_json).
      env: { LLAMA_SERVER_SLOTS_DEBUG: "1" },
    },
  );
  const listening = child.said(/listening on (http:\S+)/);
  const [, origin = ""] = await within(60_000, listening, child.messages);
  return { origin, ...questions(origin), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

// --- internal ---

/**
 * As the README advises, but for the GPU and the quantised KV cache (this build's q8_0 code needs a CPU with AMX). One slot,
 * so that each figure belongs to the request just made.
 */
const FLAGS = [
  ...["--host", "127.0.0.1", "--port", "0", "--parallel", "1", "--ctx-size", "131072"],
  ...["--flash-attn", "on", "--metrics", "--no-ui", "--no-warmup"],
  // Hybrid models only: with its default of 8192 this build throws away all checkpoints but the oldest in so many tokens as
  // soon as the next request comes, and a second session goes back to the start of the first turn (2 200 tokens, not 500).
  ...["--checkpoint-min-step", "256"],
  // Every answer is a row of "a" (token 64 of the vocabulary): what random weights say is not always text, and then an error.
  ...["--logit-bias", "64+1000"],
];

function questions(origin: string): Pick<LlamaServer, "metrics" | "lastPrompt" | "sharedTokens"> {
  return {
    async metrics() {
      const text = await (await fetch(`${origin}/metrics`)).text();
      return new Map(
        [...text.matchAll(/^(llamacpp:\S+) (\S+)$/gm)].map(([, name = "", value]) => [name, Number(value)]),
      );
    },
    async lastPrompt() {
      const [slot] = (await (await fetch(`${origin}/slots`)).json()) as { prompt: string }[];
      return slot?.prompt ?? "";
    },
    async sharedTokens(one, other) {
      const [a, b] = await Promise.all([tokenize(origin, one), tokenize(origin, other)]);
      const end = a.findIndex((token, at) => token !== b[at]);
      return end < 0 ? a.length : end;
    },
  };
}

async function tokenize(origin: string, content: string): Promise<number[]> {
  const body = JSON.stringify({ content, parse_special: true });
  const answer = await fetch(`${origin}/tokenize`, { method: "POST", body });
  return ((await answer.json()) as { tokens: number[] }).tokens;
}
