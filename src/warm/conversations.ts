import { prefixOf } from "../request/endpoints.ts";
import type { ClientRequest } from "../request/request.ts";
import { type LastRequest, LastRequests } from "../session/last-requests.ts";
import type { Candidate } from "./plan.ts";
import { promptStarts } from "./starts.ts";

/** Why a conversation has to be warmed. */
export interface Due {
  readonly reason: "turn" | "restart";
  /** Pieces that were evaluated. A warm-up that was aborted goes on after them. */
  done: number;
}

/** What is remembered of main conversations, and which of them are due. */
export class Conversations {
  readonly #requests: LastRequests;
  readonly #due = new Map<string, Due>();
  /** Sessions that have used the server since it lost its cache. */
  readonly #back = new Set<string>();
  /** The conversation that used the server last; not always one that is remembered. */
  #latest: string | undefined;

  constructor(requests = new LastRequests()) {
    this.#requests = requests;
  }

  get isEmpty(): boolean {
    return this.latest === undefined;
  }

  get hasDue(): boolean {
    return this.#due.size > 0;
  }

  /** The last request of the most recent one. */
  get latest(): LastRequest | undefined {
    return this.#requests.list()[0];
  }

  get(session: string): LastRequest | undefined {
    return this.#requests.get(session);
  }

  due(session: string): Due | undefined {
    return this.#due.get(session);
  }

  hasRoomFor(bytes: number): boolean {
    return this.#requests.hasRoomFor(bytes);
  }

  /** A request for inference by anybody. */
  used({ agent, session, agent_id, endpoint, path }: ClientRequest): void {
    // Nobody comes back to a side request. But a router may have loaded another model for it.
    if (agent === "side" && endpoint && prefixOf(path, endpoint) === "") return;
    const isMain = agent === "main" && session !== undefined;
    this.#latest = isMain ? session : JSON.stringify([session, agent_id]);
    if (isMain) this.#back.add(session);
  }

  forwarded(request: LastRequest): void {
    this.#requests.set(request);
    this.#due.delete(request.session);
  }

  /** The answer to this request ended the turn. */
  turned(request: LastRequest): void {
    // A newer request of the session may have been sent by now.
    if (this.get(request.session)?.body !== request.body) return;
    this.#requests.set(request);
    this.#due.set(request.session, { reason: "turn", done: 0 });
  }

  /** The server has lost its cache. */
  restarted(): void {
    this.#back.clear();
    this.#latest = undefined;
    // Behind a router nobody knows whether the model is loaded.
    for (const { session, prefix } of this.#requests.list())
      if (prefix === "") this.#due.set(session, { reason: "restart", done: 0 });
  }

  /** Its prompt is about to be evaluated again; when that is aborted, it goes on in the same slot. */
  returns(session: string): void {
    this.#latest = session;
  }

  warmed(session: string): void {
    this.#due.delete(session);
    this.#back.add(session);
  }

  /** Most recent first. */
  candidates(): Candidate[] {
    return this.#requests.list().map(({ session, tokens, body }) => ({
      session,
      due: this.#due.get(session)?.reason,
      isLatest: this.#latest === session,
      tokens,
      isBack: this.#back.has(session),
      starts: () => promptStarts(body),
    }));
  }
}
