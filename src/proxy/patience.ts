import { type Chunks, settles } from "./chunks.ts";
import { type AnthropicError, lateError } from "./errors.ts";

/** How an endpoint's event stream says "still waiting" and, once its status is spent, "failed". */
export interface Dialect {
  readonly ping: Uint8Array;
  failure(status: number, body: Uint8Array): Uint8Array;
}

/** How to keep the client of a streaming request waiting; `undefined` where nothing may be put into an answer. */
export function dialectOf(method: string, path: string): Dialect | undefined {
  if (method !== "POST") return undefined;
  if (path === "/v1/messages") return ANTHROPIC;
  return OPENAI_STREAMS.has(path) ? OPENAI : undefined;
}

/**
 * Pings while nothing has come, then the chunks as they are: no ping stands inside or after them.
 * Each ping waits `everyMs`, the first one `firstMs`, and only for a client that takes what it is sent.
 */
export async function* pingUntilFirst(
  chunks: Promise<Chunks>,
  ping: Uint8Array,
  everyMs: number,
  firstMs = everyMs,
): Chunks {
  const first = chunks.then(async (source) => ({ source, step: await source.next() }));
  for (let ms = firstMs; !(await settles(first, ms)); ms = everyMs) yield ping;
  const { source, step } = await first;
  if (step.done) return;
  try {
    yield step.value;
    yield* source;
  } finally {
    await source.return();
  }
}

// --- internal ---

const ANTHROPIC: Dialect = {
  // The very text of Anthropic's API, https://docs.claude.com/en/docs/build-with-claude/streaming
  ping: Buffer.from('event: ping\ndata: {"type": "ping"}\n\n'),
  failure: (status, body) => anthropicEvent(lateError(status, body)),
};

const OPENAI: Dialect = {
  // A comment, https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes: OpenAI has no ping event.
  ping: Buffer.from(": waiting for the upstream\n\n"),
  // OpenAI's clients raise what stands in `error` of any event's data.
  failure: (status, body) =>
    Buffer.from(`data: ${JSON.stringify({ error: { ...lateError(status, body).error, code: status } })}\n\n`),
};

/** llama-server's OpenAI-shaped and own streaming endpoints with their aliases (llama.cpp tools/server/server.cpp). */
const OPENAI_STREAMS: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/chat/completions",
  "/api/chat",
  "/v1/completions",
  "/completions",
  "/completion",
  "/v1/responses",
  "/responses",
  "/infill",
]);

function anthropicEvent(error: AnthropicError): Uint8Array {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(error)}\n\n`);
}
