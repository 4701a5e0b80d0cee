import { constants } from "node:os";
import { foreign } from "../../format/foreign.ts";
import { duration } from "../../format/numbers.ts";
import type { Output } from "../../terminal/output.ts";
import { type Address, urlOf } from "../../upstream/address.ts";
import { type Asked, askOrCause } from "../../upstream/ask.ts";
import { factsOf, type ServerFacts } from "../../upstream/props.ts";

/** A server that answers, as far as its answers show what it is. */
export interface ReadyServer {
  /** `undefined` for other servers than llama-server, for a router, and where a key is missing. */
  readonly facts: ServerFacts | undefined;
  /** The status of `/props`. */
  readonly status: number;
  /** The models that it offers, the loaded ones first. */
  readonly models: readonly string[];
}

export interface AwaitSettings {
  readonly headers: Headers;
  /** Whether to wait for a server that does not answer. */
  readonly wait: boolean;
  readonly output: Output;
  /** Shows no progress. */
  readonly quiet?: boolean;
  readonly intervalMs?: number;
  /** Throws when there is nothing to wait for any more. Without it, Ctrl-C ends the process. */
  readonly check?: () => void;
}

/** Waits until the server has loaded its model. Throws one line for the user when it does not answer and `wait` is not set. */
export async function awaitUpstream(address: Address, settings: AwaitSettings): Promise<ReadyServer> {
  const { headers, wait, output, quiet = false, intervalMs = 500, check } = settings;
  const since = performance.now();
  const progress = new WaitLine(output);
  const giveUp = () => {
    progress.clear();
    process.exit(128 + constants.signals.SIGINT);
  };
  if (!check) process.on("SIGINT", giveUp);
  try {
    for (;;) {
      check?.();
      const asked = await askOrCause(address, "/props", headers);
      if ("cause" in asked && !wait)
        throw new Error(
          `cannot reach llama-server at ${urlOf(address)}: ${foreign(asked.cause)}; start it, pass --upstream, or pass --wait to wait for it`,
        );
      if ("status" in asked && asked.status !== LOADING) return await describe(address, asked, headers);
      const what = "cause" in asked ? `llama-server at ${urlOf(address)}` : "llama-server to load its model";
      if (!quiet) progress.show(what, (performance.now() - since) / 1000);
      await Bun.sleep(intervalMs);
    }
  } finally {
    process.off("SIGINT", giveUp);
    progress.clear();
  }
}

// --- internal ---

/** llama-server answers 503 to everything until its model is loaded. */
const LOADING = 503;

/** On a terminal one line that is redrawn each second, elsewhere one line for each thing that is waited for. */
class WaitLine {
  readonly #output: Output;
  #shown: string | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  show(what: string, seconds: number): void {
    this.#output.status(`waiting for ${what}, ${duration(Math.floor(seconds))}; press Ctrl-C to give up`);
    if (!this.#output.isTerminal && this.#shown !== what) this.#output.line(`waiting for ${what}`);
    this.#shown = what;
  }

  clear(): void {
    this.#output.status(undefined);
  }
}

async function describe(address: Address, props: Asked, headers: Headers): Promise<ReadyServer> {
  const asked = await askOrCause(address, "/v1/models", headers);
  const models = "json" in asked ? modelsIn(asked.json) : [];
  return { facts: factsOf(props.json), status: props.status, models };
}

interface Listed {
  readonly id?: unknown;
  /** A router's. */
  readonly status?: { readonly value?: unknown };
}

/** llama.cpp tools/server/README.md, "GET /v1/models" and "router mode". */
export function modelsIn(answer: unknown): string[] {
  const { data } = (answer ?? {}) as { data?: unknown };
  const listed = Array.isArray(data) ? (data as (Listed | null)[]) : [];
  const isLoaded = (model: Listed | null) => model?.status?.value === "loaded";
  return [...listed.filter(isLoaded), ...listed.filter((model) => !isLoaded(model))].flatMap((model) =>
    typeof model?.id === "string" ? model.id : [],
  );
}
