import type { LlamaServer } from "./llama-server.ts";
import type { Recorded } from "./recording.ts";

/** What a real llama-server did with one request. */
export interface Measured {
  readonly status: number;
  /** Prompt tokens that were in the KV cache, and those that had to be evaluated. Unknown if the status is not 200. */
  readonly cached?: number;
  readonly evaluated?: number;
  /** The prompt as the template rendered it. */
  readonly prompt: string;
  /** The answer's body, for error messages. */
  readonly answer: string;
}

/**
 * Sends a request that a real client made to `server`, through `origin` (the server itself, or a proxy in front of it), and
 * reports what it cost. It asks for a single token: only the prefill matters.
 */
export async function replay(
  request: Recorded,
  server: LlamaServer,
  origin = server.origin,
): Promise<Measured> {
  const before = await server.metrics();
  const answer = await resend({ ...request, body: withMaxTokens(request.body, 1) }, origin);
  const after = await server.metrics();
  if (answer.status !== 200) return { ...answer, prompt: "" };
  const since = (name: string) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN);
  const evaluated = since("llamacpp:prompt_tokens_total");
  // Older builds have no counter for cached tokens. Their `input_tokens` is the whole prompt.
  const cached = after.has(CACHED_TOTAL) ? since(CACHED_TOTAL) : inputTokens(answer.answer) - evaluated;
  return { ...answer, cached, evaluated, prompt: await server.lastPrompt() };
}

/** Replays requests one at a time, in the client's order. */
export async function replayAll(
  requests: readonly Recorded[],
  server: LlamaServer,
  origin?: string,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const request of requests) measured.push(await replay(request, server, origin));
  return measured;
}

/** Sends a recorded request to `origin`. */
export async function resend(request: Recorded, origin: string): Promise<{ status: number; answer: string }> {
  const { method, target, body } = request;
  const headers = new Headers(request.headers);
  for (const name of ["host", "connection", "content-length", "accept-encoding"]) headers.delete(name);
  const answer = await fetch(origin + target, {
    method,
    headers,
    body,
    timeout: false,
    keepalive: false,
  } as RequestInit);
  return { status: answer.status, answer: await answer.text() };
}

/**
 * The body with another `max_tokens` and not a byte changed elsewhere. The first match is the field itself: inside a string,
 * its quotes would be escaped.
 */
export function withMaxTokens(body: Uint8Array, tokens: number): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(body).toString("latin1");
  return new Uint8Array(Buffer.from(text.replace(/"max_tokens":\d+/, `"max_tokens":${tokens}`), "latin1"));
}

// --- internal ---

const CACHED_TOTAL = "llamacpp:prompt_tokens_cached_total";

/** As reported in the `message_start` of a stream, or in a JSON answer. */
function inputTokens(answer: string): number {
  return Number(/"input_tokens":(\d+)/.exec(answer)?.[1]);
}
