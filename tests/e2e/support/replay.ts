import type { LlamaServer } from "./llama-server.ts";
import type { Recorded } from "./recording.ts";

/** What a real llama-server did with one request. */
export interface Measured {
  readonly status: number;
  /** Tokens of the prompt that were in the KV cache, and those that had to be evaluated; unknown when it was refused. */
  readonly cached?: number;
  readonly evaluated?: number;
  /** The prompt as the template rendered it. */
  readonly prompt: string;
  /** The answer's body, for a message when something is wrong. */
  readonly answer: string;
}

/**
 * Sends a request that a real client made to `server`, by way of `origin` (the server itself or a proxy before it), and says
 * what it cost. Only one token is asked for: random weights have nothing to say, the prefill is all that matters.
 */
export async function replay(
  request: Recorded,
  server: LlamaServer,
  origin = server.origin,
): Promise<Measured> {
  const before = await server.metrics();
  const answer = await resend({ ...request, body: withMaxTokens(request.body, 1) }, origin);
  const after = await server.metrics();
  // Counted by the server's totals: an answer of one token often makes no text, and then has no message_start with its usage.
  const since = (name: string) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN);
  if (answer.status !== 200) return { ...answer, prompt: "" };
  return {
    ...answer,
    cached: since("llamacpp:prompt_tokens_cached_total"),
    evaluated: since("llamacpp:prompt_tokens_total"),
    prompt: await server.lastPrompt(),
  };
}

/** One after the other, as the client made them. */
export async function replayAll(
  requests: readonly Recorded[],
  server: LlamaServer,
  origin?: string,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const request of requests) measured.push(await replay(request, server, origin));
  return measured;
}

/** Sends a request once more, to another server. */
export async function resend(request: Recorded, origin: string): Promise<{ status: number; answer: string }> {
  const { method, target, body } = request;
  const headers = new Headers(request.headers);
  for (const name of ["host", "connection", "content-length", "accept-encoding"]) headers.delete(name);
  const answer = await fetch(origin + target, { method, headers, body, timeout: false } as RequestInit);
  return { status: answer.status, answer: await answer.text() };
}

/** The body with another `max_tokens`. Byte level, so that the rest is as the client sent it; inside strings its quotes would be escaped. */
export function withMaxTokens(body: Uint8Array, tokens: number): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(body).toString("latin1");
  return new Uint8Array(Buffer.from(text.replace(/"max_tokens":\d+/, `"max_tokens":${tokens}`), "latin1"));
}
