import type { Caller } from "../request/caller.ts";
import type { Outcome } from "../request/observer.ts";
import type { Usage } from "../usage/usage.ts";
import type { Cause } from "./cause.ts";

/**
 * An inference request that the upstream has not answered yet. Names and units are stable and the same in the JSON log, in stats.json and
 * on the page; unknown fields are left out. Holds no prompt text, file path or key.
 */
export interface RunningRequest extends Caller {
  /** Counts up from 1 in order of arrival, within one run. */
  readonly id: number;
  /** Arrival, ISO 8601 in UTC. */
  readonly time: string;
  /** The inference endpoint, such as `/v1/messages`, without a router's prefix. */
  readonly endpoint: string;
  /** As the client named it. */
  readonly model?: string;
  readonly stream?: boolean;
  /** Size of the body as the client sent it. */
  readonly request_bytes?: number;
}

/** A finished inference request. Times start at the end of the request's head. */
export interface RequestRecord extends RunningRequest, Usage {
  /** The upstream's status; left out when there was no answer. */
  readonly status?: number;
  readonly outcome: Outcome;
  /** Until the request was sent to the upstream: the proxy's own time and the arrival of the body. */
  readonly added_ms?: number;
  /** Until the first byte of the answer's body. */
  readonly first_byte_ms?: number;
  /** Until the first event of a stream that carries output. */
  readonly first_token_ms?: number;
  readonly total_ms: number;
  /** How long the prefill of the evaluated tokens took, where that can be measured (see prefill.ts). */
  readonly prefill_ms?: number;
  /** `evaluated_tokens` over `prefill_ms`. */
  readonly evaluated_tokens_per_second?: number;
  /** Until a slot started on the prompt, from sending the request, where the answer shows it. */
  readonly queued_ms?: number;
  /** From the first token to the end. */
  readonly answering_ms?: number;
  /** Tokens that were evaluated for a client that left before the answer, as `/slots` last showed them. */
  readonly abandoned_tokens?: number;
  /** Why known tokens were evaluated again; left out where at most 256 were. */
  readonly cause?: Cause;
}

/** The last `limit` records, oldest first. */
export class RecordRing {
  readonly #limit: number;
  readonly #records: RequestRecord[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(record: RequestRecord): void {
    this.#records.push(record);
    if (this.#records.length > this.#limit) this.#records.shift();
  }

  list(): readonly RequestRecord[] {
    return this.#records;
  }
}
