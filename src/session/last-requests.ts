/** The last request of a main conversation, as it was forwarded. */
export interface LastRequest {
  readonly session: string;
  /** Path and query. */
  readonly target: string;
  /** What is in front of the endpoint in its path; "" without a router. */
  readonly prefix: string;
  readonly model: string | undefined;
  /** The key with which a balancer finds the conversation's server. */
  readonly conversation?: string | undefined;
  readonly body: Buffer;
  /** The assistant's answer as the JSON of a message, once it has ended the turn. */
  readonly turn?: string;
  /** Tokens of prompt and answer together, if the answer reported both. */
  readonly tokens?: number;
}

export interface LastRequestBounds {
  readonly conversations: number;
  /** Of bodies and answers together. */
  readonly bytes: number;
}

const BOUNDS: LastRequestBounds = { conversations: 8, bytes: 64 * 2 ** 20 };

/** The last request of each live main conversation, in memory only. Beyond either bound the least recent one is forgotten. */
export class LastRequests {
  readonly #bounds: LastRequestBounds;
  /** A Map iterates in the order of insertion, so the first one is the least recent. */
  readonly #requests = new Map<string, LastRequest>();

  constructor(bounds: Partial<LastRequestBounds> = {}) {
    this.#bounds = { ...BOUNDS, ...bounds };
  }

  /** Whether a body of so many bytes can be kept at all. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= this.#bounds.bytes;
  }

  get(session: string): LastRequest | undefined {
    return this.#requests.get(session);
  }

  /** Replaces the request of its session, which becomes the most recent one. */
  set(request: LastRequest): void {
    this.forget(request.session);
    this.#requests.set(request.session, request);
    let bytes = this.bytes;
    for (const [session, oldest] of this.#requests) {
      if (this.#requests.size <= this.#bounds.conversations && bytes <= this.#bounds.bytes) break;
      bytes -= sizeOf(oldest);
      this.forget(session);
    }
  }

  forget(session: string): void {
    this.#requests.delete(session);
  }

  /** Most recent first. */
  list(): LastRequest[] {
    return [...this.#requests.values()].reverse();
  }

  /** Of bodies and answers together. */
  get bytes(): number {
    return [...this.#requests.values()].reduce((sum, request) => sum + sizeOf(request), 0);
  }
}

// --- internal ---

function sizeOf({ body, turn = "" }: LastRequest): number {
  return body.length + 2 * turn.length;
}
