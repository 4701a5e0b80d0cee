import { MemberPaths, MemberReader } from "./members.ts";
import { EventSplitter } from "./sse.ts";

/** What an answer says of its own cost; a figure that it does not give is left out, never 0. */
export interface Usage {
  /** Tokens of the whole prompt: cached and evaluated ones. */
  readonly prompt_tokens?: number;
  /** Prompt tokens that were in the KV cache already. */
  readonly cached_tokens?: number;
  /** Prompt tokens that had to be prefilled. */
  readonly evaluated_tokens?: number;
  readonly output_tokens?: number;
  /** How long the server itself says that the prefill took. */
  readonly prompt_ms?: number;
  /** `exceed_context_size_error`, `overloaded_error`, …: also of an error inside a stream of status 200. */
  readonly error_type?: string;
}

/**
 * Where the servers put their figures. llama.cpp: tools/server/server-task.cpp, `to_json_*`; `stats.to_json()` is `timings`.
 * `tokens_cached` of `/completion` is not among them: it counts what the slot holds after the answer.
 */
const FIGURE_PATHS = [
  "usage", // JSON answers of all; message_delta of /v1/messages; the last chunk of /v1/chat/completions
  "message.usage", // message_start of /v1/messages
  "response.usage", // response.completed of /v1/responses
  "timings", // all endpoints of llama-server but /v1/messages
  "tokens_evaluated", // /completion: the whole prompt, in spite of its name
  "tokens_predicted", // /completion
  "error.type",
];
const ALWAYS = new MemberPaths(FIGURE_PATHS);
/** What tells the first token from the events before it; chunks with `prompt_progress` come to clients that ask for it. */
const UNTIL_FIRST_TOKEN = new MemberPaths([...FIGURE_PATHS, "type", "prompt_progress"]);

/** What of these is looked at; `cached_tokens` stands in the `…_tokens_details`. */
const FIGURES: ReadonlySet<string> = new Set([
  ...["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"], // Anthropic
  ...["prompt_tokens", "cached_tokens", "completion_tokens"], // OpenAI
  ...["cache_n", "prompt_n", "prompt_ms", "predicted_n"], // timings
  ...["tokens_evaluated", "tokens_predicted"],
]);

/** Events that a server may send before its first token. */
const BEFORE_TOKENS: readonly unknown[] = [
  "ping",
  "error",
  "message_start", // llama-server sends it with the first token, others before the prefill
  "response.created",
  "response.in_progress",
];

const OPEN_OBJECT = 0x7b;

/** Reads the figures out of one answer's bytes as they pass, an event stream or JSON; keeps a few kilobytes at most. */
export class UsageReader {
  /** Whether the answer is an event stream. */
  readonly isStream: boolean;
  readonly #read: (chunk: Uint8Array) => void;
  readonly #members = new MemberReader(UNTIL_FIRST_TOKEN, (path, value) => this.#note(path, value));
  readonly #figures = new Map<string, number>();
  #inputIsWhole = false;
  #errorType: string | undefined;
  #tokenSeen = false;
  #eventIsObject: boolean | undefined;
  #eventCarriesToken = true;

  /** Bodies that are neither JSON nor an event stream are not looked at. */
  constructor(contentType: string) {
    const type = contentType.split(";")[0]!.trim().toLowerCase();
    this.isStream = type === "text/event-stream";
    this.#read = this.#readerFor(type);
  }

  push(chunk: Uint8Array): void {
    this.#read(chunk);
  }

  /** True from the first event of a stream that carries output; stays false for JSON, where all comes at once. */
  get tokenSeen(): boolean {
    return this.#tokenSeen;
  }

  /** What has been read so far. */
  get usage(): Usage {
    return {
      ...derive(this.#figures, this.#inputIsWhole),
      ...(this.#errorType && { error_type: this.#errorType }),
    };
  }

  // --- internal ---

  #readerFor(type: string): (chunk: Uint8Array) => void {
    if (type === "application/json") return (chunk) => this.#members.push(chunk, 0, chunk.length);
    if (!this.isStream) return () => {};
    const splitter = new EventSplitter({
      data: (bytes, start, end) => {
        this.#eventIsObject ??= bytes[start] === OPEN_OBJECT;
        this.#members.push(bytes, start, end);
      },
      dispatch: () => this.#endEvent(),
    });
    return (chunk) => splitter.push(chunk);
  }

  /** `[DONE]` ends an OpenAI stream and is no object. */
  #endEvent(): void {
    if (this.#eventIsObject && this.#eventCarriesToken) this.#tokenSeen = true;
    this.#eventIsObject = undefined;
    this.#eventCarriesToken = true;
    this.#members.reset(this.#tokenSeen ? ALWAYS : UNTIL_FIRST_TOKEN);
  }

  #note(path: string, value: unknown): void {
    if (path === "prompt_progress") this.#eventCarriesToken = false;
    else if (path === "type") this.#eventCarriesToken &&= !BEFORE_TOKENS.includes(value);
    else if (path === "error.type") this.#noteError(value);
    else if (typeof value === "number") this.#noteFigure(path, value);
    else this.#noteFigures(value);
  }

  /** An error's name only: messages may quote the prompt. */
  #noteError(value: unknown): void {
    this.#eventCarriesToken = false;
    if (typeof value === "string" && /^\w{1,64}$/.test(value)) this.#errorType = value;
  }

  /** A later figure replaces an earlier one of the same name: `message_delta` corrects `message_start`. */
  #noteFigures(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    for (const [name, figure] of Object.entries(value)) {
      if (name === "prompt_tokens_details" || name === "input_tokens_details")
        this.#noteDetails(name, figure);
      else this.#noteFigure(name, figure);
    }
  }

  /** `input_tokens_details` tells the Responses API's `input_tokens`, the whole prompt, from Anthropic's. */
  #noteDetails(name: string, details: unknown): void {
    if (typeof details !== "object" || details === null) return;
    const cached = (details as { cached_tokens?: unknown }).cached_tokens;
    this.#noteFigure("cached_tokens", cached);
    if (name === "input_tokens_details") this.#inputIsWhole = true;
  }

  #noteFigure(name: string, figure: unknown): void {
    if (!FIGURES.has(name) || typeof figure !== "number") return;
    if (Number.isFinite(figure) && figure >= 0) this.#figures.set(name, figure);
  }
}

/**
 * Brings the dialects together. Anthropic's `input_tokens` leaves the cached ones out, but for servers that report no cached
 * tokens (llama.cpp before mid 2026) it is the whole prompt; in doubt a figure is left out.
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
  });
}

function promptTokens(figures: ReadonlyMap<string, number>, inputIsWhole: boolean): number | undefined {
  const input = figures.get("input_tokens");
  if (input !== undefined && !inputIsWhole) {
    const created = figures.get("cache_creation_input_tokens") ?? 0;
    return input + created + (figures.get("cache_read_input_tokens") ?? 0);
  }
  return input ?? figures.get("prompt_tokens") ?? figures.get("tokens_evaluated");
}

function outputTokens(figures: ReadonlyMap<string, number>): number | undefined {
  const names = ["output_tokens", "completion_tokens", "tokens_predicted", "predicted_n"];
  return names.map((name) => figures.get(name)).find((figure) => figure !== undefined);
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a !== undefined && b !== undefined ? a + b : undefined;
}

function difference(whole: number | undefined, part: number | undefined): number | undefined {
  return whole !== undefined && part !== undefined && part <= whole ? whole - part : undefined;
}

function known(usage: { readonly [name in keyof Usage]: Usage[name] | undefined }): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([, figure]) => figure !== undefined));
}
