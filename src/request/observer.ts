import type { ClientRequest } from "./request.ts";

/** Hears about every forwarded request as it happens. It never throws and never waits, so that no client notices it. */
export interface Observer {
  /** A request arrived; nothing of its body has been read. It may still be refused, or its client may leave before `begin`. */
  arrived?(method: string): void;
  begin(request: ClientRequest): Observation;
  /** A request that the proxy answered itself, with this status: nothing was forwarded. */
  refused(status: number): void;
}

/** One request's story after `begin`; the calls come in this order. The callee reads the clock in each of them. */
export interface Observation {
  /** What became of the body. Left out for a request without one. */
  rewritten(change: BodyChange): void;
  /**
   * The body as the upstream is getting it, for this path and query. fetch sends a copy of its own in another thread, so that the
   * upstream does not wait for this call. Afterwards the body's memory is freed: copy what you keep. Called right before or some time after `sent`.
   */
  sending?(target: string, body: Uint8Array): void;
  /** The request was handed to fetch: all time before is the proxy's own. */
  sent(): void;
  /** The upstream's status and headers arrived. */
  answered(status: number, headers: Headers): void;
  /** Bytes of the body as they pass to the client. They are shared, not a copy: never write to them, keep them for a moment only. */
  chunk(bytes: Uint8Array): void;
  /** Last; only the first call counts. */
  end(outcome: Outcome): void;
}

/** Both observers as one; the first one hears each thing first. */
export function observeBoth(one: Observer, other: Observer): Observer {
  return {
    arrived(method) {
      for (const observer of [one, other]) observer.arrived?.(method);
    },
    refused(status) {
      for (const observer of [one, other]) observer.refused(status);
    },
    begin: (request) => bothOf([one.begin(request), other.begin(request)]),
  };
}

/** What became of a request's body; holds none of its text. */
export interface BodyChange {
  /** Bytes as the client sent them. */
  readonly before: number;
  /** Bytes as the upstream gets them. */
  readonly after: number;
  /** What was changed, or why nothing could be changed. */
  readonly notes: readonly string[];
}

/** `unreachable`: no answer from the upstream; `broken`: it died after its headers; `client_gone`: the client left. */
export type Outcome = "complete" | "unreachable" | "broken" | "client_gone";

// --- internal ---

function bothOf(observations: readonly Observation[]): Observation {
  const each = (tell: (observation: Observation) => void): void => {
    for (const observation of observations) tell(observation);
  };
  return {
    rewritten: (change) => each((observation) => observation.rewritten(change)),
    sending: (target, body) => each((observation) => observation.sending?.(target, body)),
    sent: () => each((observation) => observation.sent()),
    answered: (status, headers) => each((observation) => observation.answered(status, headers)),
    chunk: (bytes) => each((observation) => observation.chunk(bytes)),
    end: (outcome) => each((observation) => observation.end(outcome)),
  };
}
