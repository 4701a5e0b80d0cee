import type { Usage } from "../usage/usage.ts";

/** When things happened, `performance.now()`; `undefined` is "not yet" or "unknown". */
export interface Moments {
  readonly arrived: number;
  readonly sent?: number | undefined;
  /** No other request was running when this one was sent, so it waited for no slot. */
  readonly alone?: boolean;
  readonly answered?: number | undefined;
  readonly firstByte?: number | undefined;
  readonly firstToken?: number | undefined;
}

export interface Prefill {
  readonly prefill_ms?: number;
  readonly evaluated_tokens_per_second?: number;
}

/** Parts of a request's time. What is left of `total_ms` without them and `added_ms` is the prefill. */
export interface Phases {
  readonly queued_ms?: number;
  readonly answering_ms?: number;
}

/** Below this the fixed cost of a request (tokenizing, one batch, the network) hides the speed of the prefill. */
export const ENOUGH_TOKENS = 256;
/** Headers that arrive less than this before the first token were sent together with it. */
const SENT_TOGETHER_MS = 10;

/**
 * How long the prefill took: the server's own `prompt_ms` if it reports one. Otherwise, for a stream with enough evaluated tokens, the time
 * to the first token: from the headers, which llama-server sends when a slot starts on the prompt (so waiting for a slot does not
 * count), or from sending the request if the headers came with the first token. Empty where neither is known.
 */
export function measurePrefill(usage: Usage, moments: Moments): Prefill {
  const evaluated = usage.evaluated_tokens;
  const duration = usage.prompt_ms ?? timeToFirstToken(moments);
  if (evaluated === undefined || !duration) return {};
  if (usage.prompt_ms === undefined && evaluated < ENOUGH_TOKENS) return {};
  return { prefill_ms: round(duration), evaluated_tokens_per_second: round((evaluated / duration) * 1000) };
}

/**
 * Where the time went, `end` being the end of the request. Beside other requests, the wait for a slot is what the server's own `prompt_ms` leaves of the time to the
 * first token, or the time to the headers, which llama-server sends when a slot starts on the prompt.
 */
export function measurePhases(usage: Usage, moments: Moments, end: number): Phases {
  const { sent, answered, firstToken, alone } = moments;
  if (sent === undefined) return {};
  if (firstToken === undefined) return unanswered(usage, moments, end);
  const wait = firstToken - sent;
  const queued = usage.prompt_ms === undefined ? untilHeaders(moments) : wait - usage.prompt_ms;
  return {
    ...(!alone &&
      queued !== undefined &&
      answered !== undefined && { queued_ms: round(Math.max(0, queued)) }),
    answering_ms: round(end - firstToken),
  };
}

/** To three decimals: a time in milliseconds becomes whole microseconds, which is as precise as the clock. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

// --- internal ---

/** A JSON answer arrives all at once; a stream that ended without a token spent its time before the answer. */
function unanswered({ prompt_ms }: Usage, moments: Moments, end: number): Phases {
  const { sent = end, answered, alone } = moments;
  if (prompt_ms !== undefined) return { answering_ms: round(Math.max(0, end - sent - prompt_ms)) };
  const isWaiting = !alone && answered !== undefined && end - answered > SENT_TOGETHER_MS;
  return isWaiting ? { queued_ms: round(answered - sent) } : {};
}

/** `undefined` where the headers came with the first token. */
function untilHeaders({ sent, answered, firstToken }: Moments): number | undefined {
  if (sent === undefined || answered === undefined || firstToken === undefined) return undefined;
  return firstToken - answered > SENT_TOGETHER_MS ? answered - sent : undefined;
}

function timeToFirstToken({ sent, answered, firstToken }: Moments): number | undefined {
  if (sent === undefined || answered === undefined || firstToken === undefined) return undefined;
  const sinceHeaders = firstToken - answered;
  return sinceHeaders > SENT_TOGETHER_MS ? sinceHeaders : firstToken - sent;
}
