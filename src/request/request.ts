import { type Caller, readCaller, readModel } from "./caller.ts";
import { conversationOf } from "./conversation.ts";
import { type Endpoint, endpointOf } from "./endpoints.ts";

/** A request as far as its head describes it, before its body has arrived. */
export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly endpoint: Endpoint | undefined;
  /** As the client sent them. */
  readonly headers: Headers;
  /** `performance.now()` when the first byte of the head had been read. */
  readonly arrivedAt: number;
}

/** What a body says about its request; `undefined` is unknown. */
export interface BodyFacts {
  readonly model?: string | undefined;
  readonly stream?: boolean | undefined;
  /** The number of tools it offers. */
  readonly tools?: number | undefined;
  /** The hash of the texts that the conversation starts with. */
  readonly start?: string | undefined;
}

/** A request, described once: nothing reads a path, a header or a body to answer these questions again. No prompt text and no key. */
export interface ClientRequest extends Caller {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly endpoint: Endpoint | undefined;
  /** Of inference requests: the key of the conversation that it is a turn of. */
  readonly conversation?: string;
  /** The client's name for the model, fit to be shown. */
  readonly model?: string;
  readonly stream?: boolean;
  /** Size of the body as the client sent it, bytes. */
  readonly bytes?: number;
  /** `performance.now()` when the first byte of the head had been read. */
  readonly arrivedAt: number;
}

export function readHead(method: string, path: string, headers: Headers, arrivedAt: number): RequestHead {
  return { method, path, endpoint: endpointOf(method, path), headers, arrivedAt };
}

/** `bytes` is the length of the body as the client sent it; `undefined` without a body. */
export function describe(head: RequestHead, facts: BodyFacts, bytes: number | undefined): ClientRequest {
  const { method, path, endpoint, headers, arrivedAt } = head;
  const model = readModel(facts.model);
  const caller = readCaller(headers, facts.tools);
  const conversation = endpoint?.isInference ? conversationOf(headers, caller, facts.start) : undefined;
  return {
    method,
    path,
    endpoint,
    ...(model && { model }),
    ...caller,
    ...(conversation && { conversation }),
    ...(facts.stream !== undefined && { stream: facts.stream }),
    ...(bytes !== undefined && { bytes }),
    arrivedAt,
  };
}
