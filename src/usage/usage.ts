import { type AnswerListener, AnswerParser } from "./answer-parser.ts";
import { isObject, type JsonObject } from "./json.ts";

/**
 * What an answer reports about its own cost. A figure that it does not report is left out, never 0. Token counts are whole numbers
 * from 0 to 2^53 - 1; a server's negative, fractional, larger or non-numeric count is ignored, so totals stay finite.
 */
export interface Usage {
  /** Tokens of the whole prompt, cached and evaluated. */
  readonly prompt_tokens?: number;
  /** Prompt tokens that were already in the KV cache. */
  readonly cached_tokens?: number;
  /** Prompt tokens that had to be prefilled. */
  readonly evaluated_tokens?: number;
  readonly output_tokens?: number;
  /** Duration of the prefill as the server measured it, from 0 to 2^53 - 1; may be fractional. */
  readonly prompt_ms?: number;
  /** `exceed_context_size_error`, `overloaded_error`, …; also of an error event in a stream of status 200. */
  readonly error_type?: string;
  /** Tokens of a prompt that the server refused as too long; it is in no other figure. */
  readonly refused_prompt_tokens?: number;
  /** Tokens of context that such a server has. */
  readonly context_tokens?: number;
}

/**
 * Reads the usage of one answer, an event stream or JSON, as its bytes pass. Other bodies are ignored. Never throws.
 * Keeps at most one event or the JSON body; one that is longer than about a million characters is not read.
 */
export class UsageReader {
  readonly #collector = new UsageCollector();
  readonly #parser: AnswerParser;

  constructor(contentType: string) {
    this.#parser = new AnswerParser(contentType, [this.#collector]);
  }

  get isStream(): boolean {
    return this.#parser.isStream;
  }

  /** Takes the next bytes of the body, cut anywhere. Does not keep `chunk`. */
  push(chunk: Uint8Array): void {
    this.#parser.push(chunk);
  }

  /** True from the first event of a stream that carries output. Always false for JSON, which arrives all at once. */
  get tokenSeen(): boolean {
    return this.isStream && this.#collector.tokenSeen;
  }

  /** The events of a stream since its first token; llama-server sends one per token. */
  get outputEvents(): number {
    return this.#collector.outputEvents;
  }

  /** What the answer has reported so far: for JSON, nothing until the body is complete. */
  get usage(): Usage {
    this.#parser.settle();
    return this.#collector.usage;
  }
}

/** Collects the usage from the objects of an answer. */
export class UsageCollector implements AnswerListener {
  readonly #figures = new Map<string, number>();
  #inputIsWhole = false;
  #errorType: string | undefined;
  #tokenSeen = false;
  #outputEvents = 0;

  /** Sees every event, so it counts them too. */
  needs(text: string): boolean {
    if (this.#tokenSeen) this.#outputEvents += 1;
    return !this.#tokenSeen || FIGURES_OR_ERROR.test(text);
  }

  add(object: JsonObject): void {
    if (carriesToken(object)) this.#tokenSeen = true;
    for (const holder of [object.message, object.response, object]) {
      if (isObject(holder)) this.#noteFigures(holder.usage);
    }
    this.#noteFigures(object.timings);
    this.#noteFigure("tokens_evaluated", object.tokens_evaluated);
    this.#noteFigure("tokens_predicted", object.tokens_predicted);
    if (isObject(object.error)) this.#noteError(object.error);
  }

  /** What is missed stays unknown. */
  miss(): void {}

  get tokenSeen(): boolean {
    return this.#tokenSeen;
  }

  get outputEvents(): number {
    return this.#outputEvents;
  }

  get usage(): Usage {
    return {
      ...derive(this.#figures, this.#inputIsWhole),
      ...(this.#errorType && { error_type: this.#errorType }),
    };
  }

  // --- internal ---

  /** Keeps the error's name and figures only: messages may quote the prompt. */
  #noteError({ type, n_prompt_tokens, n_ctx }: JsonObject): void {
    if (typeof type === "string" && /^\w{1,64}$/.test(type)) this.#errorType = type;
    this.#noteFigure("n_prompt_tokens", n_prompt_tokens);
    this.#noteFigure("n_ctx", n_ctx);
  }

  /** A later figure replaces an earlier one of the same name: `message_delta` corrects `message_start`. */
  #noteFigures(figures: unknown): void {
    if (!isObject(figures)) return;
    for (const [name, figure] of Object.entries(figures)) this.#noteFigure(name, figure);
    this.#noteDetails(figures.prompt_tokens_details);
    this.#noteDetails(figures.input_tokens_details);
    if (isObject(figures.input_tokens_details)) this.#inputIsWhole = true;
  }

  #noteDetails(details: unknown): void {
    if (isObject(details)) this.#noteFigure("cached_tokens", details.cached_tokens);
  }

  #noteFigure(name: string, figure: unknown): void {
    if (FIGURES.has(name) && isFigure(name, figure)) this.#figures.set(name, figure);
  }
}

// --- internal ---

/**
 * Where servers report figures and errors. llama.cpp: tools/server/server-task.cpp, `to_json_*`; `stats.to_json()` is `timings`.
 * - `usage`: all JSON answers; message_delta of /v1/messages; the last chunk of /v1/chat/completions
 * - `message.usage`: message_start of /v1/messages
 * - `response.usage`: response.completed of /v1/responses
 * - `timings`: all endpoints of llama-server except /v1/messages
 * - `tokens_evaluated`, `tokens_predicted`: /completion. The first is the whole prompt, despite its name. Its `tokens_cached` is
 *   not read: it counts what the slot holds after the answer.
 * Quotes within a JSON string are escaped, so text that mentions these names does not match.
 */
const FIGURES_OR_ERROR = /"(?:usage|timings|tokens_evaluated|tokens_predicted|error)"/;

const FIGURES: ReadonlySet<string> = new Set([
  ...["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"], // Anthropic
  ...["prompt_tokens", "cached_tokens", "completion_tokens"], // OpenAI; `cached_tokens` is in `…_tokens_details`
  ...["cache_n", "prompt_n", "prompt_ms", "predicted_n"], // timings
  ...["tokens_evaluated", "tokens_predicted"],
  ...["n_prompt_tokens", "n_ctx"], // errors: tools/server/server-common.cpp, format_error_response
]);

/** Events that a server may send before its first token. */
const BEFORE_TOKENS: ReadonlySet<unknown> = new Set([
  "ping",
  "error",
  "message_start", // llama-server sends it with the first token, others before the prefill
  "response.created",
  "response.in_progress",
]);

/** Chunks with `prompt_progress` go to clients that ask for it. Some servers send `"error":null` with each chunk. */
function carriesToken({ type, prompt_progress, error }: JsonObject): boolean {
  return !BEFORE_TOKENS.has(type) && prompt_progress === undefined && (error ?? undefined) === undefined;
}

function isFigure(name: string, value: unknown): value is number {
  if (name !== "prompt_ms") return Number.isSafeInteger(value) && (value as number) >= 0;
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/**
 * Unifies the dialects. Anthropic's `input_tokens` excludes cached tokens, but on servers that report no cached tokens (llama.cpp
 * before mid-2026) it is the whole prompt. In doubt a figure is left out.
 */
function derive(figures: ReadonlyMap<string, number>, inputIsWhole: boolean): Usage {
  const prompt = promptTokens(figures, inputIsWhole);
  const evaluated = figures.get("prompt_n");
  const cached =
    figures.get("cache_n") ??
    figures.get("cached_tokens") ??
    figures.get("cache_read_input_tokens") ??
    difference(prompt, evaluated);
  return known({
    prompt_tokens: prompt ?? sum(cached, evaluated),
    cached_tokens: cached,
    evaluated_tokens: evaluated ?? difference(prompt, cached),
    output_tokens: outputTokens(figures),
    prompt_ms: figures.get("prompt_ms"),
    refused_prompt_tokens: figures.get("n_prompt_tokens"),
    context_tokens: figures.get("n_ctx"),
  });
}

/** Only the Responses API has `input_tokens_details`; its `input_tokens` is the whole prompt. */
function promptTokens(figures: ReadonlyMap<string, number>, inputIsWhole: boolean): number | undefined {
  const input = figures.get("input_tokens");
  if (input === undefined) return figures.get("prompt_tokens") ?? figures.get("tokens_evaluated");
  if (inputIsWhole) return input;
  const created = figures.get("cache_creation_input_tokens") ?? 0;
  return sum(sum(input, created), figures.get("cache_read_input_tokens") ?? 0);
}

function outputTokens(figures: ReadonlyMap<string, number>): number | undefined {
  const names = ["output_tokens", "completion_tokens", "tokens_predicted", "predicted_n"];
  return names.map((name) => figures.get(name)).find((figure) => figure !== undefined);
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return undefined;
  return Number.isSafeInteger(a + b) ? a + b : undefined;
}

function difference(whole: number | undefined, part: number | undefined): number | undefined {
  return whole !== undefined && part !== undefined && part <= whole ? whole - part : undefined;
}

function known(usage: { readonly [name in keyof Usage]: Usage[name] | undefined }): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([, figure]) => figure !== undefined));
}
