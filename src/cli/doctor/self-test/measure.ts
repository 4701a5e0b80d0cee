import { createRepairs } from "../../../proxy/repairs.ts";
import { readHead } from "../../../request/request.ts";
import { SessionMemory } from "../../../session/memory.ts";
import { urlOf } from "../../../upstream/address.ts";
import { causeOf } from "../../../upstream/cause.ts";
import { fetchPlainly } from "../../../upstream/fetch.ts";
import type { Upstream } from "../../../upstream/upstream.ts";
import { type Usage, UsageReader } from "../../../usage/usage.ts";
import type { Body, Step, StepId } from "./conversation.ts";

/** What a step cost, from the server's answers; the sum where it has several requests. */
export interface Measured {
  readonly id: StepId;
  readonly title: string;
  readonly prompt_tokens?: number | undefined;
  readonly cached_tokens?: number | undefined;
  readonly evaluated_tokens?: number | undefined;
  /** From the request to the first token. */
  readonly seconds: number;
  /** Why there are no figures: `HTTP 500`, or why there was no answer. */
  readonly failure?: string | undefined;
}

/** How requests are sent: unchanged, or with the proxy's repairs. */
export type Lane = (step: Step, signal: AbortSignal) => Promise<Measured>;

/** Sends each step as a client without a proxy would. */
export function directLane(upstream: Upstream, headers: Headers): Lane {
  return async (step, signal) => {
    const sent = laneHeaders(headers, step);
    return await measure(step, async (body) => await send(upstream, encode(body), sent, signal));
  };
}

/** Sends each step as the proxy would forward it. */
export function repairedLane(upstream: Upstream, headers: Headers): Lane {
  const repair = createRepairs(SETTINGS, upstream, new SessionMemory());
  return async (step, signal) => {
    const sent = laneHeaders(headers, step);
    return await measure(step, async (body) => {
      const repaired = await repair(encode(body), readHead("POST", PATH, sent, performance.now()));
      return await send(upstream, repaired.body, sent, signal);
    });
  };
}

// --- internal ---

const PATH = "/v1/messages";
const SETTINGS = { systemTurns: "fold", tools: "stable", projectParagraphs: "move" } as const;
/** Two sessions: the second one begins with the step "session". */
const SESSIONS = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] as const;
const SECOND: ReadonlySet<StepId> = new Set(["session", "day", "control", "back", "tools"]);

type Figures = Omit<Measured, "id" | "title">;

async function measure(
  { id, title, bodies }: Step,
  sendOne: (body: Body) => Promise<Figures>,
): Promise<Measured> {
  const [first, ...rest] = bodies;
  let sum = await sendOne(first!);
  for (const body of rest) sum = added(sum, await sendOne(body));
  return { id, title, ...sum };
}

/** What is unknown of one is unknown of both. */
function added(one: Figures, other: Figures): Figures {
  const sum = (name: "prompt_tokens" | "cached_tokens" | "evaluated_tokens") => {
    const [a, b] = [one[name], other[name]];
    return a === undefined || b === undefined ? undefined : a + b;
  };
  return {
    prompt_tokens: sum("prompt_tokens"),
    cached_tokens: sum("cached_tokens"),
    evaluated_tokens: sum("evaluated_tokens"),
    seconds: one.seconds + other.seconds,
    failure: one.failure ?? other.failure,
  };
}

function encode(body: Body): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(body));
}

function laneHeaders(headers: Headers, { id }: Step): Headers {
  const sent = new Headers(headers);
  sent.set("content-type", "application/json");
  sent.set("anthropic-version", "2023-06-01");
  sent.set("user-agent", "claude-cli/2.1.332 (cache-proxy doctor)");
  sent.set("x-claude-code-session-id", SESSIONS[SECOND.has(id) ? 1 : 0]);
  return sent;
}

async function send(
  upstream: Upstream,
  body: Uint8Array,
  headers: Headers,
  signal: AbortSignal,
): Promise<Figures> {
  const from = performance.now();
  const seconds = () => (performance.now() - from) / 1000;
  try {
    const answer = await fetchPlainly(`${urlOf(upstream.address)}${PATH}`, {
      method: "POST",
      headers,
      body: body as Uint8Array<ArrayBuffer>,
      signal,
    });
    const { usage, firstAt } = await readUsage(answer);
    const spent = firstAt === undefined ? seconds() : (firstAt - from) / 1000;
    if (!answer.ok) return { seconds: spent, failure: `HTTP ${answer.status}` };
    const { prompt_tokens, cached_tokens, evaluated_tokens } = usage;
    return { prompt_tokens, cached_tokens, evaluated_tokens, seconds: spent };
  } catch (error) {
    signal.throwIfAborted();
    return { seconds: seconds(), failure: causeOf(error) };
  }
}

async function readUsage(answer: Response): Promise<{ usage: Usage; firstAt: number | undefined }> {
  const reader = new UsageReader(answer.headers.get("content-type") ?? "");
  let firstAt: number | undefined;
  for await (const chunk of answer.body ?? []) {
    reader.push(chunk);
    if (reader.tokenSeen) firstAt ??= performance.now();
  }
  return { usage: reader.usage, firstAt };
}
