import type { Caller } from "../request/caller.ts";
import type { BodyChange, Observation, Observer, Outcome } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import { type Usage, UsageReader } from "../usage/usage.ts";
import { Backlog } from "./backlog.ts";
import { type Moments, measurePrefill, round } from "./prefill.ts";
import type { RequestRecord, RunningRequest } from "./record.ts";

/** Hears of every request, a moment after it happened. Whatever a listener throws is counted and goes no further. */
export interface Listener {
  /** What became of a body, of any request that has one. */
  rewritten?: ((request: ClientRequest, change: BodyChange) => void) | undefined;
  /** Handed to the upstream, so from now on it waits. */
  sent?(request: RunningRequest): void;
  /** The answer has begun: the prefill is over. Left out when the request ends before. */
  answering?(request: RunningRequest): void;
  ended?(record: RequestRecord): void;
  /** The proxy answered a request itself, with this status: nothing was forwarded. */
  refused?(status: number): void;
  /** A request that is not for inference ended: probes, token counts, lists of models. */
  passed?(outcome: Outcome, status: number | undefined): void;
}

/**
 * Makes a record of each inference request from what the forwarding tells of it, and hands it to the listeners. All but
 * looking at the clock is left to the backlog, so that no client waits for figures to be read or a line to be written.
 */
export class Recorder implements Observer {
  readonly #listeners: readonly Listener[];
  readonly #backlog = new Backlog();
  #lastId = 0;

  constructor(listeners: readonly Listener[]) {
    this.#listeners = listeners;
  }

  /** How many times a listener has thrown. */
  get failures(): number {
    return this.#backlog.failures;
  }

  refused(status: number): void {
    this.#backlog.add(() => this.#tell((listener) => listener.refused?.(status)));
  }

  begin(request: ClientRequest): Observation {
    const tell: Tell = (news) => this.#tell(news);
    if (!request.endpoint?.isInference) return new Passing(request, this.#backlog, tell);
    this.#lastId += 1;
    return new Recording(this.#lastId, request.endpoint.path, request, this.#backlog, tell);
  }

  #tell(news: (listener: Listener) => void): void {
    for (const listener of this.#listeners) this.#backlog.contain(() => news(listener));
  }

  /** Tells the listeners now what they have not heard yet. */
  flush(): void {
    this.#backlog.flush();
  }
}

// --- internal ---

/** To every listener; for jobs of the backlog only. */
type Tell = (news: (listener: Listener) => void) => void;

/** A request that is only counted. */
class Passing implements Observation {
  readonly #request: ClientRequest;
  readonly #backlog: Backlog;
  readonly #tell: Tell;
  #status: number | undefined;
  #hasEnded = false;

  constructor(request: ClientRequest, backlog: Backlog, tell: Tell) {
    this.#request = request;
    this.#backlog = backlog;
    this.#tell = tell;
  }

  rewritten(change: BodyChange): void {
    this.#backlog.add(() => this.#tell((listener) => listener.rewritten?.(this.#request, change)));
  }

  sent(): void {}

  answered(status: number): void {
    this.#status = status;
  }

  chunk(): void {}

  end(outcome: Outcome): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#backlog.add(() => this.#tell((listener) => listener.passed?.(outcome, this.#status)));
  }
}

class Recording implements Observation {
  readonly #known: { readonly id: number; readonly at: number; readonly endpoint: string };
  readonly #client: ClientRequest;
  readonly #backlog: Backlog;
  readonly #tell: Tell;
  readonly #moments: { -readonly [name in keyof Moments]: Moments[name] };
  #running: RunningRequest | undefined;
  #status: number | undefined;
  #headers: Headers | undefined;
  #reader: UsageReader | undefined;
  #answering = false;
  #hasEnded = false;

  constructor(id: number, endpoint: string, client: ClientRequest, backlog: Backlog, tell: Tell) {
    this.#known = { id, at: Date.now(), endpoint };
    this.#client = client;
    this.#backlog = backlog;
    this.#tell = tell;
    this.#moments = { arrived: client.arrivedAt };
  }

  rewritten(change: BodyChange): void {
    this.#backlog.add(() => this.#tell((listener) => listener.rewritten?.(this.#client, change)));
  }

  sent(): void {
    this.#moments.sent = performance.now();
    this.#backlog.add(() => this.#tell((listener) => listener.sent?.(this.#request)));
  }

  answered(status: number, headers: Headers): void {
    this.#moments.answered = performance.now();
    this.#status = status;
    this.#headers = headers;
  }

  chunk(bytes: Uint8Array): void {
    // What comes before the upstream's headers are pings of our own.
    if (this.#hasEnded || bytes.length === 0 || this.#moments.answered === undefined) return;
    const now = performance.now();
    this.#moments.firstByte ??= now;
    this.#backlog.add(() => this.#read(bytes, now), bytes.length);
  }

  end(outcome: Outcome): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const now = performance.now();
    this.#backlog.add(() => {
      const record = this.#record(outcome, now, this.#reader?.usage ?? {});
      this.#tell((listener) => listener.ended?.(record));
    });
  }

  // In jobs of the backlog:

  get #request(): RunningRequest {
    this.#running ??= runningRequest(this.#known, this.#client);
    return this.#running;
  }

  /** A stream begins to answer with its first token: headers and comments also come during the prefill. */
  #read(bytes: Uint8Array, now: number): void {
    this.#reader ??= readerFor(this.#headers!);
    this.#reader.push(bytes);
    if (this.#answering || (this.#reader.isStream && !this.#reader.tokenSeen)) return;
    if (this.#reader.isStream) this.#moments.firstToken = now;
    this.#answering = true;
    this.#tell((listener) => listener.answering?.(this.#request));
  }

  #record(outcome: Outcome, now: number, usage: Usage): RequestRecord {
    const { arrived, sent, firstByte, firstToken } = this.#moments;
    return {
      ...this.#request,
      ...(this.#status !== undefined && { status: this.#status }),
      outcome,
      ...usage,
      ...(sent !== undefined && { added_ms: round(sent - arrived) }),
      ...(firstByte !== undefined && { first_byte_ms: round(firstByte - arrived) }),
      ...(firstToken !== undefined && { first_token_ms: round(firstToken - arrived) }),
      ...measurePrefill(usage, this.#moments),
      total_ms: round(now - arrived),
    };
  }
}

function runningRequest(
  { id, at, endpoint }: { readonly id: number; readonly at: number; readonly endpoint: string },
  { session, agent, agent_id, model, stream, bytes }: ClientRequest,
): RunningRequest {
  const caller: Caller = {
    ...(session && { session }),
    ...(agent && { agent }),
    ...(agent_id && { agent_id }),
  };
  return {
    id,
    time: new Date(at).toISOString(),
    endpoint,
    ...(model && { model }),
    ...caller,
    ...(stream !== undefined && { stream }),
    ...(bytes !== undefined && { request_bytes: bytes }),
  };
}

/** A compressed body passes unread: unpacking it would cost more than the figures are worth. */
function readerFor(headers: Headers): UsageReader {
  return new UsageReader(headers.has("content-encoding") ? "" : (headers.get("content-type") ?? ""));
}
