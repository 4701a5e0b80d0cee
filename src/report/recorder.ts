import type { Caller } from "../request/caller.ts";
import type { BodyChange, Observation, Observer, Outcome } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import { type Usage, UsageReader } from "../usage/usage.ts";
import { Endings } from "./endings.ts";
import type { Explainer } from "./explainer.ts";
import type { Failures } from "./failures.ts";
import type { Listener } from "./listener.ts";
import { News } from "./news.ts";
import { type Moments, measurePhases, measurePrefill, round } from "./prefill.ts";
import type { RequestRecord, RunningRequest } from "./record.ts";

/** Adds to a record what the report knows of its request. */
export type Complete = (record: RequestRecord) => RequestRecord;

/** The pause between two news about the output of a request, milliseconds. */
const OUTPUT_EVERY_MS = 1_000;

/**
 * Makes a record of each inference request and hands it to the listeners. Reading figures and telling listeners go through the backlog, so
 * that no client waits for them and no failure in them reaches a client.
 */
export class Recorder implements Observer {
  readonly #news: News;
  readonly #endings: Endings;
  readonly #complete: Complete;
  readonly #open = new Set<Recording>();
  #lastId = 0;

  /** Without an explainer no record has a cause. */
  constructor(failures: Failures, explainer?: Explainer, complete: Complete = (record) => record) {
    this.#news = new News(failures);
    this.#endings = new Endings(this.#news, explainer);
    this.#complete = complete;
  }

  /** Listeners are called in the order in which they were added. */
  listen(listener: Listener): void {
    this.#news.listeners.push(listener);
  }

  refused(status: number): void {
    this.#news.tellLater((listener) => listener.refused?.(status));
  }

  begin(request: ClientRequest): Observation {
    const { endpoint } = request;
    if (!endpoint?.isInference) return new Passing(request, this.#news);
    this.#lastId += 1;
    return new Recording(this.#lastId, endpoint.path, request, {
      news: this.#news,
      endings: this.#endings,
      complete: this.#complete,
      open: this.#open,
    });
  }

  /** Resolves when every request that has ended is explained and told to the listeners: after two seconds at most. */
  async settled(): Promise<void> {
    this.flush();
    await this.#endings.settled();
  }

  /** Tells the listeners of every request that has ended, explained or not. */
  close(): void {
    this.flush();
    this.#endings.close();
  }

  /** Tells the listeners now what they have not heard yet. */
  flush(): void {
    this.#news.flush();
  }

  /** Tells every listener at once. */
  tell(news: (listener: Listener) => void): void {
    this.#news.tell(news);
  }
}

// --- internal ---

/** A request that is only counted. */
class Passing implements Observation {
  readonly #client: ClientRequest;
  readonly #news: News;
  #status: number | undefined;
  #hasEnded = false;

  constructor(client: ClientRequest, news: News) {
    this.#client = client;
    this.#news = news;
  }

  rewritten(change: BodyChange): void {
    this.#news.tellLater((listener) => listener.rewritten?.(this.#client, change));
  }

  sent(): void {}

  answered(status: number): void {
    this.#status = status;
  }

  chunk(): void {}

  end(outcome: Outcome): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#news.tellLater((listener) => listener.passed?.(outcome, this.#status));
  }
}

/** What recordings share. */
interface Shared {
  readonly news: News;
  readonly endings: Endings;
  readonly complete: Complete;
  /** The recordings of requests that were sent and have not ended. */
  readonly open: Set<Recording>;
}

class Recording implements Observation {
  readonly #request: RunningRequest;
  readonly #client: ClientRequest;
  readonly #news: News;
  readonly #endings: Endings;
  readonly #complete: Complete;
  readonly #open: Set<Recording>;
  readonly #moments: { -readonly [name in keyof Moments]: Moments[name] };
  #status: number | undefined;
  #headers: Headers | undefined;
  #reader: UsageReader | undefined;
  #answering = false;
  #toldAt = 0;
  #hasEnded = false;

  constructor(
    id: number,
    endpoint: string,
    client: ClientRequest,
    { news, endings, complete, open }: Shared,
  ) {
    this.#request = runningRequest(id, endpoint, client);
    this.#client = client;
    this.#news = news;
    this.#endings = endings;
    this.#complete = complete;
    this.#open = open;
    this.#moments = { arrived: client.arrivedAt };
  }

  rewritten(change: BodyChange): void {
    this.#news.tellLater((listener) => listener.rewritten?.(this.#client, change, this.#request.id));
  }

  sending(_target: string, body: Uint8Array): void {
    if (this.#hasEnded) return;
    const now = performance.now();
    this.#news.later(() => this.#endings.sending(this.#request.id, this.#client, body, now));
    // Not later: after this call the body is freed.
    this.#news.flush();
  }

  sent(): void {
    this.#moments.sent = performance.now();
    this.#moments.alone = this.#open.size === 0;
    this.#open.add(this);
    this.#news.tellLater((listener) => listener.sent?.(this.#request));
  }

  answered(status: number, headers: Headers): void {
    this.#moments.answered = performance.now();
    this.#status = status;
    this.#headers = headers;
  }

  chunk(bytes: Uint8Array): void {
    // Chunks before the upstream's headers are the proxy's own pings.
    if (this.#hasEnded || bytes.length === 0 || this.#moments.answered === undefined) return;
    const now = performance.now();
    this.#moments.firstByte ??= now;
    this.#news.later(() => this.#read(bytes, now), bytes.length);
  }

  end(outcome: Outcome): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#open.delete(this);
    const now = performance.now();
    this.#news.later(() => {
      this.#endings.ended(this.#complete(this.#record(outcome, now, this.#reader?.usage ?? {})));
    });
  }

  /** A stream begins to answer with its first token: headers and comments also come during the prefill. */
  #read(bytes: Uint8Array, now: number): void {
    this.#reader ??= readerFor(this.#headers!);
    this.#reader.push(bytes);
    if (this.#answering) this.#tellOutput(now);
    else if (!this.#reader.isStream || this.#reader.tokenSeen) this.#begin(now);
  }

  #begin(now: number): void {
    if (this.#reader!.isStream) this.#moments.firstToken = now;
    this.#answering = true;
    this.#toldAt = now;
    this.#news.tell((listener) => listener.answering?.(this.#request));
  }

  #tellOutput(now: number): void {
    if (now - this.#toldAt < OUTPUT_EVERY_MS) return;
    this.#toldAt = now;
    const tokens = this.#reader!.outputEvents;
    this.#news.tell((listener) => listener.generated?.(this.#request, tokens));
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
      ...measurePhases(usage, this.#moments, now),
      total_ms: round(now - arrived),
    };
  }
}

function runningRequest(
  id: number,
  endpoint: string,
  { session, agent, agent_id, model, stream, bytes }: ClientRequest,
): RunningRequest {
  const caller: Caller = {
    ...(session && { session }),
    ...(agent && { agent }),
    ...(agent_id && { agent_id }),
  };
  return {
    id,
    time: new Date().toISOString(),
    endpoint,
    ...(model && { model }),
    ...caller,
    ...(stream !== undefined && { stream }),
    ...(bytes !== undefined && { request_bytes: bytes }),
  };
}

/** A compressed body passes unread: decompressing it would cost more than the figures are worth. */
function readerFor(headers: Headers): UsageReader {
  return new UsageReader(headers.has("content-encoding") ? "" : (headers.get("content-type") ?? ""));
}
