import type { Reason } from "./plan.ts";

/** A request of our own that evaluates a prompt before anybody waits for it. */
export interface WarmUp {
  readonly reason: Reason;
  /** Of the conversation; a remembered head has none. */
  readonly session?: string;
  readonly model?: string | undefined;
}

export interface WarmUpResult {
  /** `aborted`: a real request arrived; `failed`: the server answered with an error or not at all. */
  readonly outcome: "complete" | "aborted" | "failed";
  /** Requests that were answered. */
  readonly pieces: number;
  /** Of all pieces together; `undefined` if one of them did not report it. */
  readonly evaluated_tokens: number | undefined;
  readonly ms: number;
}

/** Hears about warm-ups, which are never reported as requests. Its methods must not throw. */
export interface WarmListener {
  started(warmUp: WarmUp): void;
  ended(warmUp: WarmUp, result: WarmUpResult): void;
}
