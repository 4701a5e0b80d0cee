import { type AnthropicError, lateError } from "./failure.ts";

/** How an endpoint's event stream says "still waiting" and, once its status is sent, "failed". */
export interface StreamDialect {
  readonly ping: Uint8Array;
  /** The event for an upstream's answer with this status and body. */
  failure(status: number, body: Uint8Array): Uint8Array;
}

export const ANTHROPIC_STREAM: StreamDialect = {
  // The exact text of Anthropic's API, https://docs.claude.com/en/docs/build-with-claude/streaming
  ping: Buffer.from('event: ping\ndata: {"type": "ping"}\n\n'),
  failure: (status, body) => anthropicEvent(lateError(status, body)),
};

export const OPENAI_STREAM: StreamDialect = {
  // A comment, https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes: OpenAI has no ping event.
  // Without a blank line, of which openai-go before 3.51 makes an empty event that it cannot parse (openai/openai-go#556).
  ping: Buffer.from(": waiting for the upstream\n"),
  // OpenAI's clients raise the `error` member of any event's data.
  failure: (status, body) =>
    Buffer.from(`data: ${JSON.stringify({ error: { ...lateError(status, body).error, code: status } })}\n\n`),
};

// --- internal ---

function anthropicEvent(error: AnthropicError): Uint8Array {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(error)}\n\n`);
}
