import { ask } from "./ask.ts";
import { causeOf } from "./cause.ts";
import type { Upstream } from "./upstream.ts";

/** What a server says of itself on `GET /props`; `undefined` is what its answer does not show. */
export interface ServerFacts {
  readonly model?: string | undefined;
  readonly build?: string | undefined;
  readonly slots?: number | undefined;
  /** Tokens of context of one slot. */
  readonly context?: number | undefined;
  /** The chat template raises an error unless user and assistant turns alternate, tool results apart. */
  readonly strictAlternation: boolean;
}

/** `facts`: a llama-server's own; `status`: something answers, but has no `/props`; `cause`: nothing answers. */
export type Answer =
  | { readonly facts: ServerFacts }
  | { readonly status: number }
  | { readonly cause: string };

/** Longer than a llama-server under load takes for `/props`, shorter than a user waits for a banner. */
export const PROPS_TIMEOUT_MS = 2_000;

/** What is known before a server has answered, and of servers without `/props`. */
export const UNKNOWN_SERVER: ServerFacts = Object.freeze({ strictAlternation: false });

/** Asks `GET /props` once; never throws. */
export async function askProps(upstream: Upstream, timeoutMs: number = PROPS_TIMEOUT_MS): Promise<Answer> {
  try {
    const { status, json } = await ask(upstream, "/props", AbortSignal.timeout(timeoutMs));
    const facts = factsOf(json);
    return facts ? { facts } : { status };
  } catch (error) {
    return { cause: causeOf(error) };
  }
}

/**
 * One server's facts, asked for once per connection to it: `forget` says that the connection was lost, so that another
 * server, or another model, may answer next. A server that is not there or still loading is asked again next time.
 */
export class KnownServer {
  private asked: Promise<ServerFacts> | undefined;
  private readonly upstream: Upstream;

  constructor(upstream: Upstream) {
    this.upstream = upstream;
  }

  /** Never rejects; what is not known is `UNKNOWN_SERVER`. */
  facts(): Promise<ServerFacts> {
    this.asked ??= this.ask();
    return this.asked;
  }

  forget(): void {
    this.asked = undefined;
  }

  private async ask(): Promise<ServerFacts> {
    const answer = await askProps(this.upstream);
    if ("facts" in answer) return answer.facts;
    if ("cause" in answer || answer.status === 503) this.forget();
    return UNKNOWN_SERVER;
  }
}

/**
 * Reads the JSON of `/props` (llama.cpp tools/server/server-context.cpp); `undefined` when it is not a llama-server's.
 * Templates refuse unalternated turns with `raise_exception('… roles must alternate …')` (Mistral, Ministral, Gemma 2).
 */
export function factsOf(props: unknown): ServerFacts | undefined {
  if (!isRecord(props)) return undefined;
  const { total_slots, default_generation_settings, model_alias, model_path, chat_template, build_info } =
    props;
  if (typeof chat_template !== "string" && typeof total_slots !== "number") return undefined;
  const settings = isRecord(default_generation_settings) ? default_generation_settings : {};
  return {
    model: text(model_alias) ?? text(model_path)?.split(/[\\/]/).at(-1),
    build: text(build_info),
    slots: count(total_slots),
    context: count(settings.n_ctx),
    strictAlternation: /raise_exception\(\s*['"][^'"]*\balternate\b/i.test(text(chat_template) ?? ""),
  };
}

// --- internal ---

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
}
