import { CONVERSATION_HEADER } from "../request/conversation.ts";
import { type Address, urlOf } from "./address.ts";
import { type Asked, ask } from "./ask.ts";
import { causeOf } from "./cause.ts";
import { fetchPlainly } from "./fetch.ts";
import { factsOf, type ServerFacts, UNKNOWN_SERVER } from "./props.ts";
import { Replicas } from "./replicas.ts";
import { findModel } from "./routers.ts";
import { settles } from "./settles.ts";
import { type HeldSlot, type PrefillingSlot, readHeldSlots, readLastTask, readSlots } from "./slots.ts";

/** `facts`: a llama-server's own; `status`: something answers, but not with llama-server's `/props`; `cause`: nothing answers. */
export type Answer =
  | { readonly facts: ServerFacts }
  | { readonly status: number }
  | { readonly cause: string };

/** Whose facts are wanted: a router has several models, each with a server of its own, and a balancer has several servers. */
export interface Wanted {
  /** What is in front of the endpoint in the request's path: llama-swap has a server's own paths below `/upstream/NAME`. */
  readonly prefix?: string | undefined;
  readonly model?: string | undefined;
  /** The key of a conversation: the question then goes to the server that a balancer sends the conversation to. */
  readonly conversation?: string | undefined;
}

/** A request of our own for inference. */
export interface OwnRequest {
  /** Path and query. */
  readonly target: string;
  readonly body: Uint8Array;
  /** The key of the conversation that it belongs to. */
  readonly conversation?: string | undefined;
}

/** What a question carries besides its path. */
interface Question {
  /** The key of a conversation, whose server is asked. */
  readonly conversation?: string | undefined;
  /** Sent as JSON. */
  readonly question?: object;
}

export interface UpstreamTimes {
  /** Facts this old are read again before they are used, milliseconds. */
  readonly freshMs: number;
  /** As long as a request waits for the facts at most, milliseconds; then it goes on with what was known before. */
  readonly waitMs: number;
  /** When a question counts as unanswered, milliseconds. */
  readonly timeoutMs: number;
}

const TIMES: UpstreamTimes = { freshMs: 1_000, waitMs: 250, timeoutMs: 5_000 };

/** Servers that are remembered, after a router or a balancer; the least recently asked one is forgotten first. */
const MAX_KNOWN = 32;

/**
 * The server that requests go to, and what is known about it. Facts have an age: another model may answer on the same port at any
 * time, so they are read again when they are older than `freshMs`, after a lost connection and after a 5xx.
 */
export class Upstream {
  readonly address: Address;
  /** After a balancer that does not name its servers there are none, and all are taken for equal. */
  readonly replicas: Replicas;
  readonly #times: UpstreamTimes;
  readonly #known = new Map<string, Known>();
  readonly #listeners = { lost: new Set<() => void>(), back: new Set<() => void>() };
  #credentials = new Headers();
  #isLost = false;
  #hasModels = false;

  constructor(address: Address, times: Partial<UpstreamTimes> = {}, replicas: Replicas = new Replicas()) {
    this.address = address;
    this.replicas = replicas;
    this.#times = { ...TIMES, ...times };
  }

  /** `lost`: no answer from the server any more; `back`: it answers again, or another server process does. */
  on(event: "lost" | "back", listener: () => void): void {
    this.#listeners[event].add(listener);
  }

  /** A server started with `--api-key` wants the key for questions of ours too: they go out with the last client's. Kept in memory only. */
  noteCredentials(headers: Headers): void {
    for (const name of CREDENTIALS) {
      const value = headers.get(name);
      if (value !== null && value !== this.#credentials.get(name)) this.#credentials = credentialsOf(headers);
    }
  }

  /** To be called when the upstream could not be reached or broke off: whatever answers next may be another server. */
  noteLost(): void {
    this.#expire();
    if (this.#isLost) return;
    this.#isLost = true;
    for (const listener of this.#listeners.lost) listener();
  }

  /** To be called with the status of every answer. */
  noteStatus(status: number): void {
    if (status >= 500) this.#expire();
  }

  /** Never rejects and takes `waitMs` at most; what is not known is `UNKNOWN_SERVER`. */
  async facts(wanted: Wanted = {}): Promise<ServerFacts> {
    const known = this.#knownOf(wanted);
    if (!known.isFresh(this.#times.freshMs)) await this.#refresh(known, wanted, this.#times.waitMs);
    return known.facts;
  }

  /** What the server answers to `/props` now; never rejects, and takes `timeoutMs` at most. */
  async probe(wanted: Wanted = {}): Promise<Answer> {
    const known = this.#knownOf(wanted);
    known.expire();
    await this.#refresh(known, wanted, this.#times.timeoutMs);
    return known.answer ?? { cause: "no answer in time" };
  }

  /**
   * Which prompts the server is evaluating; `undefined` where it does not say: `--no-slots`, another server, a router, a balancer with
   * several servers, builds that show no figures. Rejects when there is no answer.
   */
  async slots(signal: AbortSignal): Promise<PrefillingSlot[] | undefined> {
    if (this.replicas.names.length > 1) return undefined;
    return readSlots((await this.#ask("/slots", signal)).json);
  }

  /** Whether a router with several models has answered, each with a server of its own. */
  get hasModels(): boolean {
    return this.#hasModels;
  }

  /** The headers and the text of `/metrics`; no text where it is turned off. A scrape resets llama-server's averaged gauges. */
  async metrics(signal: AbortSignal, model?: string): Promise<Pick<Asked, "headers" | "text">> {
    return await this.#askServerOf(model, "/metrics", signal);
  }

  /** The highest task id in any slot; `undefined` where the server does not show it. Wakes a server that sleeps. */
  async lastTask(signal: AbortSignal, model?: string): Promise<number | undefined> {
    return readLastTask((await this.#askServerOf(model, "/slots", signal)).json);
  }

  /** What each slot holds; `undefined` where the server does not say. Wakes a server that sleeps. Rejects when there is no answer. */
  async held(conversation: string | undefined, signal: AbortSignal): Promise<HeldSlot[] | undefined> {
    return readHeldSlots((await this.#ask("/slots", signal, { conversation })).json);
  }

  /**
   * Messages in OpenAI's shape as the chat template renders them; `undefined` where the server does not say. Rejects when there is no
   * answer.
   */
  async rendered(
    question: object,
    { prefix = "", conversation }: Wanted,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { json } = await this.#ask(`${prefix}/apply-template`, signal, { question, conversation });
    const { prompt } = (json ?? {}) as { prompt?: unknown };
    return typeof prompt === "string" ? prompt : undefined;
  }

  /** Sends a request of our own. Rejects when there is no answer, and when the signal is aborted. */
  async send({ target, conversation, body }: OwnRequest, signal: AbortSignal): Promise<Response> {
    const headers = this.#headersFor(conversation);
    headers.set("content-type", "application/json");
    // https://docs.claude.com/en/api/versioning
    headers.set("anthropic-version", "2023-06-01");
    return await fetchPlainly(`${urlOf(this.address)}${target}`, {
      method: "POST",
      headers,
      body: body as Uint8Array<ArrayBuffer>,
      signal,
    });
  }

  /**
   * Notices a server that is gone or back, although no request needs it. Never rejects, and asks nothing that wakes a sleeping server.
   * Resolves with whether watching makes sense: whether nothing answers, or a llama-server does.
   */
  async watch(): Promise<boolean> {
    const answer = await this.probe();
    if (isDown(answer)) this.noteLost();
    return "facts" in answer || isDown(answer);
  }

  // --- internal ---

  #knownOf({ prefix = "", model = "", conversation }: Wanted): Known {
    // A server with one model answers for every name, so that names only matter once a router has answered.
    const key = JSON.stringify([prefix, this.#hasModels ? model : "", this.replicas.of(conversation) ?? ""]);
    const known = this.#known.get(key) ?? new Known();
    this.#known.delete(key);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) if (this.#known.size > MAX_KNOWN) this.#known.delete(oldest);
    return known;
  }

  /** Waits for the question under way, or for a new one, until `waitMs` after it was asked. */
  async #refresh(known: Known, wanted: Wanted, waitMs: number): Promise<void> {
    known.asking ??= { since: performance.now(), done: this.#read(known, wanted) };
    const left = known.asking.since + waitMs - performance.now();
    if (left > 0) await settles(known.asking.done, left);
  }

  async #read(known: Known, wanted: Wanted): Promise<void> {
    try {
      const answer = await this.#askProps(wanted);
      known.take(answer);
      // The answer may have named the conversation's server for the first time.
      const own = this.#knownOf(wanted);
      if (own !== known) own.take(answer);
      if (isDown(answer)) return;
      if (this.#isLost || own.hasChanged) this.#noteBack();
    } finally {
      known.asking = undefined;
    }
  }

  async #askProps({ prefix = "", model, conversation }: Wanted): Promise<Answer> {
    const signal = AbortSignal.timeout(this.#times.timeoutMs);
    try {
      const first = await this.#ask(`${prefix}/props`, signal, { conversation });
      this.replicas.note(conversation, first.headers);
      if (prefix !== "") return answerOf(first);
      const askPath = (path: string) => this.#ask(path, signal, { conversation });
      const { hasModels, at } = await findModel(first, model, askPath);
      this.#hasModels = hasModels;
      return answerOf(at ? await askPath(at("/props")) : first);
    } catch (error) {
      return { cause: causeOf(error) };
    }
  }

  /** After a router, the model's own server; a model that does not run is not loaded for it. */
  async #askServerOf(model: string | undefined, path: string, signal: AbortSignal): Promise<Asked> {
    if (!this.#hasModels) return await this.#ask(path, signal);
    const askPath = (other: string) => this.#ask(other, signal);
    const { at } = await findModel(await askPath("/props"), model, askPath);
    return await askPath(at ? at(path) : path);
  }

  #ask(path: string, signal: AbortSignal, { conversation, question }: Question = {}): Promise<Asked> {
    return ask(this.address, path, signal, this.#headersFor(conversation), question);
  }

  #headersFor(conversation: string | undefined): Headers {
    const headers = new Headers(this.#credentials);
    if (conversation !== undefined) headers.set(CONVERSATION_HEADER, conversation);
    return headers;
  }

  #noteBack(): void {
    this.#isLost = false;
    for (const listener of this.#listeners.back) listener();
  }

  #expire(): void {
    for (const known of this.#known.values()) known.expire();
  }
}

/** Where the upstream is, for people. */
export function nameOf(upstream: Upstream): string {
  return urlOf(upstream.address);
}

// --- internal ---

/** llama-server takes its `--api-key` in either (llama.cpp tools/server/server-http.cpp). */
const CREDENTIALS = ["authorization", "x-api-key"] as const;

/** The facts of one server, and the question under way about them. */
class Known {
  asking: { readonly since: number; readonly done: Promise<void> } | undefined;
  answer: Answer | undefined;
  /** Whether the last answer was another server's than the one before. */
  hasChanged = false;
  #facts: ServerFacts | undefined;
  #readAt: number | undefined;

  get facts(): ServerFacts {
    return this.#facts ?? UNKNOWN_SERVER;
  }

  isFresh(ms: number): boolean {
    return this.#readAt !== undefined && performance.now() - this.#readAt < ms;
  }

  expire(): void {
    this.#readAt = undefined;
  }

  /** A server that does not answer, still loads (503) or wants a key (401) is asked again next time; what was known of it stays. */
  take(answer: Answer): void {
    this.answer = answer;
    const before = this.#facts?.identity;
    this.hasChanged = "facts" in answer && before !== undefined && before !== answer.facts.identity;
    if ("facts" in answer) this.#facts = answer.facts;
    else if ("status" in answer && !PASSING.has(answer.status)) this.#facts = undefined;
    else return;
    this.#readAt = performance.now();
  }
}

/** A server that loads its model answers 503. */
function isDown(answer: Answer): boolean {
  return "cause" in answer || ("status" in answer && answer.status === 503);
}

const PASSING: ReadonlySet<number> = new Set([401, 403, 503]);

function answerOf({ status, json }: Asked): Answer {
  const facts = factsOf(json);
  return facts ? { facts } : { status };
}

function credentialsOf(headers: Headers): Headers {
  const found = new Headers();
  for (const name of CREDENTIALS) {
    const value = headers.get(name);
    if (value !== null) found.set(name, value);
  }
  return found;
}
