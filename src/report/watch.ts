import type { RequestFacts } from "../rewrite/rewrite.ts";

/**
 * What the forwarding tells of a request, as it happens. The forwarding calls these and never waits for them;
 * whoever implements them may fail: the caller contains it (see proxy/forward.ts).
 */
export interface Watcher {
  begin(request: WatchedRequest): Watch;
}

/** A request as it stands when it goes to the upstream. Holds no prompt text and no key. */
export interface WatchedRequest {
  readonly method: string;
  /** The path without the query. */
  readonly path: string;
  readonly headers: Headers;
  /** Read from the body where it is JSON of a known shape. */
  readonly facts: RequestFacts;
  /** `performance.now()` when the first byte of the request's header had been read. */
  readonly arrivedAt: number;
}

/** One request's story after `begin`; the calls come in this order, each time-stamped by the callee. */
export interface Watch {
  /** The request was handed to fetch: everything before it is time that the proxy added. */
  sent(): void;
  /** The upstream's status and headers arrived. */
  answered(status: number, headers: Headers): void;
  /** Bytes of the body as they pass to the client. They are shared, not a copy: never write them, keep them for a moment only. */
  chunk(bytes: Uint8Array): void;
  /** Exactly once, last. */
  end(outcome: Outcome): void;
}

/** `refused`: the upstream could not be reached; `broken`: it died after its headers; `left`: the client went away. */
export type Outcome = "complete" | "refused" | "broken" | "left";
