import { type Usage, UsageReader } from "../usage/usage.ts";
import { Backlog } from "./backlog.ts";
import { type Caller, readCaller, readEndpoint, readModel } from "./caller.ts";
import { type Moments, measurePrefill, round } from "./prefill.ts";
import type { RequestRecord } from "./record.ts";
import type { Outcome, Watch, WatchedRequest, Watcher } from "./watch.ts";

/** An inference request that is not finished yet; the names are those of the record that it will become. */
export interface RunningRequest extends Caller {
  readonly id: number;
  readonly time: string;
  readonly endpoint: string;
  readonly model?: string;
  readonly stream?: boolean;
  readonly request_bytes?: number;
}

/** Hears of every request, a moment after it happened. Whatever a listener throws is counted and goes no further. */
export interface Listener {
  /** Handed to the upstream, so from now on it waits. */
  sent?(request: RunningRequest): void;
  /** The answer has begun: the prefill is over. Left out when the request ends before. */
  answering?(request: RunningRequest): void;
  ended?(record: RequestRecord): void;
  /** A request that is not for inference ended: probes, token counts, lists of models. */
  passed?(outcome: Outcome, status: number | undefined): void;
}

/**
 * Makes a record of each inference request from what the forwarding tells of it, and hands it to the listeners. All but
 * looking at the clock is left to the backlog, so that no client waits for figures to be read or a line to be written.
 */
export class Recorder implements Watcher {
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

  begin(request: WatchedRequest): Watch {
    const tell: Tell = (news) => {
      for (const listener of this.#listeners) this.#backlog.contain(() => news(listener));
    };
    const endpoint = readEndpoint(request.method, request.path);
    if (!endpoint) return new Passing(this.#backlog, tell);
    this.#lastId += 1;
    return new Recording(this.#lastId, endpoint, request, this.#backlog, tell);
  }

  /** Tells the listeners now what they have not heard yet. */
  flush(): void {
    this.#backlog.flush();
  }
}

// --- internal ---

/** To every listener; for jobs of the backlog only. */
type Tell = (news: (listener: Listener) => void) => void;

type Known = Pick<RunningRequest, "id" | "time" | "endpoint">;

function describe(known: Known, { headers, facts }: WatchedRequest): RunningRequest {
  const model = readModel(facts.model);
  const length = headers.get("content-length");
  return {
    ...known,
    ...(model && { model }),
    ...readCaller(headers, facts.tools),
    ...(facts.stream !== undefined && { stream: facts.stream }),
    ...(length && /^\d+$/.test(length) && { request_bytes: Number(length) }),
  };
}

/** A request that is only counted. */
class Passing implements Watch {
  readonly #backlog: Backlog;
  readonly #tell: Tell;
  #status: number | undefined;

  constructor(backlog: Backlog, tell: Tell) {
    this.#backlog = backlog;
    this.#tell = tell;
  }

  sent(): void {}

  answered(status: number): void {
    this.#status = status;
  }

  chunk(): void {}

  end(outcome: Outcome): void {
    this.#backlog.add(() => this.#tell((listener) => listener.passed?.(outcome, this.#status)));
  }
}

class Recording implements Watch {
  readonly #known: { readonly id: number; readonly at: number; readonly endpoint: string };
  readonly #watched: WatchedRequest;
  readonly #backlog: Backlog;
  readonly #tell: Tell;
  readonly #moments: { -readonly [name in keyof Moments]: Moments[name] };
  #described: RunningRequest | undefined;
  #status: number | undefined;
  #headers: Headers | undefined;
  #reader: UsageReader | undefined;
  #answering = false;

  constructor(id: number, endpoint: string, watched: WatchedRequest, backlog: Backlog, tell: Tell) {
    this.#known = { id, at: Date.now(), endpoint };
    this.#watched = watched;
    this.#backlog = backlog;
    this.#tell = tell;
    this.#moments = { arrived: watched.arrivedAt };
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
    if (bytes.length === 0 || this.#moments.answered === undefined) return;
    const now = performance.now();
    this.#moments.firstByte ??= now;
    this.#backlog.add(() => this.#read(bytes, now), bytes.length);
  }

  end(outcome: Outcome): void {
    const now = performance.now();
    this.#backlog.add(() => {
      const record = this.#record(outcome, now, this.#reader?.usage ?? {});
      this.#tell((listener) => listener.ended?.(record));
    });
  }

  // In jobs of the backlog:

  get #request(): RunningRequest {
    const { id, at, endpoint } = this.#known;
    this.#described ??= describe({ id, time: new Date(at).toISOString(), endpoint }, this.#watched);
    return this.#described;
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

/** A compressed body passes unread: unpacking it would cost more than the figures are worth. */
function readerFor(headers: Headers): UsageReader {
  return new UsageReader(headers.has("content-encoding") ? "" : (headers.get("content-type") ?? ""));
}
