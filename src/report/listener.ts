import type { BodyChange, Outcome } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import type { ServerView } from "../upstream/watch.ts";
import type { RequestRecord, RunningRequest } from "./record.ts";
import type { Running } from "./running.ts";

/** Hears about every request a moment after it happened. A listener may throw: the failure is counted and stops nothing else. */
export interface Listener {
  /** What became of a request's body, for any request that has one. Only inference requests have an `id`. */
  rewritten?(request: ClientRequest, change: BodyChange, id?: number): void;
  /** The request was sent to the upstream. */
  sent?(request: RunningRequest): void;
  /** The answer has begun, so the prefill is over. Left out when the request ends before. */
  answering?(request: RunningRequest): void;
  /** The tokens of the answer so far, about once a second while there are new ones. */
  generated?(request: RunningRequest, tokens: number): void;
  ended?(record: RequestRecord): void;
  /** The proxy answered a request itself, with this status: nothing was forwarded. */
  refused?(status: number): void;
  /** A request that is not for inference ended: probes, token counts, model lists. */
  passed?(outcome: Outcome, status: number | undefined): void;
  /** The running requests, oldest first, after every change to one of them. */
  running?(requests: readonly Running[]): void;
  /** Another server answers, or the same one in another state. Not called for the first thing that is known. */
  server?(now: ServerView): void;
}
