import { type Usage, UsageReader } from "../usage/usage.ts";
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
 * Makes a record of each inference request from what the forwarding tells of it, and hands it to the listeners. They are
 * called between two turns of the event loop, so that no client waits for a line to be written.
 */
export class Recorder implements Watcher {
  readonly #listeners: readonly Listener[];
  readonly #news: News[] = [];
  #lastId = 0;
  #failures = 0;

  constructor(listeners: readonly Listener[]) {
    this.#listeners = listeners;
  }

  /** How many times a listener has thrown. */
  get failures(): number {
    return this.#failures;
  }

  begin(request: WatchedRequest): Watch {
    const tell = (news: News): void => this.#tell(news);
    const endpoint = readEndpoint(request.method, request.path);
    if (!endpoint) return new Passing(tell);
    this.#lastId += 1;
    return new Recording(this.#lastId, endpoint, request, tell);
  }

  /** Tells the listeners now what they have not heard yet. */
  flush(): void {
    for (const news of this.#news.splice(0)) {
      for (const listener of this.#listeners) this.#contain(() => news(listener));
    }
  }

  // --- internal ---

  #tell(news: News): void {
    this.#news.push(news);
    if (this.#news.length === 1) setImmediate(() => this.flush());
  }

  #contain(call: () => void): void {
    try {
      call();
    } catch {
      this.#failures += 1;
    }
  }
}

type News = (listener: Listener) => void;

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
  readonly #tell: (news: News) => void;
  #status: number | undefined;

  constructor(tell: (news: News) => void) {
    this.#tell = tell;
  }

  sent(): void {}

  answered(status: number): void {
    this.#status = status;
  }

  chunk(): void {}

  end(outcome: Outcome): void {
    this.#tell((listener) => listener.passed?.(outcome, this.#status));
  }
}

class Recording implements Watch {
  readonly #known: { readonly id: number; readonly at: number; readonly endpoint: string };
  readonly #watched: WatchedRequest;
  readonly #tell: (news: News) => void;
  readonly #moments: { -readonly [name in keyof Moments]: Moments[name] };
  #described: RunningRequest | undefined;
  #status: number | undefined;
  #reader: UsageReader | undefined;
  #answering = false;

  constructor(id: number, endpoint: string, watched: WatchedRequest, tell: (news: News) => void) {
    this.#known = { id, at: Date.now(), endpoint };
    this.#watched = watched;
    this.#tell = tell;
    this.#moments = { arrived: watched.arrivedAt };
  }

  sent(): void {
    this.#moments.sent = performance.now();
    this.#tell((listener) => listener.sent?.(this.#request));
  }

  answered(status: number, headers: Headers): void {
    this.#moments.answered = performance.now();
    this.#status = status;
    // A compressed body passes unread: unpacking it would cost more than the figures are worth.
    if (headers.has("content-encoding")) return;
    this.#reader = new UsageReader(headers.get("content-type") ?? "");
  }

  chunk(bytes: Uint8Array): void {
    // What comes before the upstream's headers are pings of our own.
    if (bytes.length === 0 || this.#moments.answered === undefined) return;
    this.#moments.firstByte ??= performance.now();
    this.#reader?.push(bytes);
    if (!this.#answering) this.#noteAnswering();
  }

  end(outcome: Outcome): void {
    const now = performance.now();
    let record: RequestRecord | undefined;
    this.#tell((listener) => {
      record ??= this.#record(outcome, now, this.#reader?.usage ?? {});
      listener.ended?.(record);
    });
  }

  /** Reading the headers can wait until the request is on its way. */
  get #request(): RunningRequest {
    const { id, at, endpoint } = this.#known;
    this.#described ??= describe({ id, time: new Date(at).toISOString(), endpoint }, this.#watched);
    return this.#described;
  }

  /** A stream begins to answer with its first token: headers and comments also come during the prefill. */
  #noteAnswering(): void {
    if (this.#reader?.isStream && !this.#reader.tokenSeen) return;
    if (this.#reader?.isStream) this.#moments.firstToken = performance.now();
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
