import { prefixOf } from "../request/endpoints.ts";
import type { Observation, Outcome } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import type { LastRequest } from "../session/last-requests.ts";
import { AnswerReader } from "../usage/answer.ts";
import { assistantTurnJson } from "../usage/assistant-turn.ts";

/** Receives what is worth remembering of a request. */
export interface Follower {
  /** A main conversation's request is about to be sent; `body` is the follower's own. */
  forwarded(request: LastRequest): void;
  /** Its answer ended the turn. */
  turned(request: LastRequest): void;
  /** Any request ended. `isFine`: it was one for inference and got a complete answer of status 200. */
  ended(isFine: boolean): void;
  /** Whether a body of so many bytes may be kept. */
  hasRoomFor(bytes: number): boolean;
  /** Runs a job a moment later, in order, so that no byte of an answer waits for it. `bytes` is how much memory it holds. */
  later(job: () => void, bytes?: number): void;
}

/** Follows one request: remembers its body if it is a main conversation's, and rebuilds the answer. */
export class Followed implements Observation {
  readonly #request: ClientRequest;
  readonly #follower: Follower;
  #forwarded: LastRequest | undefined;
  #reader: AnswerReader | undefined;
  #status: number | undefined;
  #hasEnded = false;

  constructor(request: ClientRequest, follower: Follower) {
    this.#request = request;
    this.#follower = follower;
  }

  rewritten(): void {}

  sending(target: string, body: Uint8Array): void {
    const { endpoint, session, model, conversation } = this.#request;
    if (
      this.#hasEnded ||
      !isMainTurn(this.#request) ||
      !endpoint ||
      !session ||
      !this.#follower.hasRoomFor(body.length)
    )
      return;
    const prefix = prefixOf(this.#request.path, endpoint);
    this.#forwarded = { session, target, prefix, model, conversation, body: Buffer.from(body) };
    this.#follower.forwarded(this.#forwarded);
  }

  sent(): void {}

  answered(status: number, headers: Headers): void {
    this.#status = status;
    if (!this.#forwarded || status !== 200 || headers.has("content-encoding")) return;
    this.#reader = new AnswerReader(headers.get("content-type") ?? "", { keepTurn: true });
  }

  chunk(bytes: Uint8Array): void {
    const reader = this.#reader;
    if (reader) this.#follower.later(() => reader.push(bytes), bytes.length);
  }

  end(outcome: Outcome): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#follower.later(() => this.#noteEnd(outcome));
  }

  // --- internal ---

  #noteEnd(outcome: Outcome): void {
    const isComplete = outcome === "complete" && this.#status === 200;
    if (isComplete) this.#noteTurn();
    this.#reader = undefined;
    this.#follower.ended(isComplete && this.#request.endpoint?.isInference === true);
  }

  #noteTurn(): void {
    const turn = this.#reader?.turn;
    if (!this.#forwarded || !this.#reader || turn?.stopReason !== "end_turn") return;
    const { prompt_tokens: prompt, output_tokens: output } = this.#reader.usage;
    const tokens = prompt !== undefined && output !== undefined ? prompt + output : undefined;
    this.#follower.turned({
      ...this.#forwarded,
      turn: assistantTurnJson(turn),
      ...(tokens !== undefined && { tokens }),
    });
  }
}

// --- internal ---

/** Subagents, side requests, token counts, and other clients than Claude Code are never warmed. */
function isMainTurn({ endpoint, agent }: ClientRequest): boolean {
  return endpoint?.shape === "anthropic" && endpoint.isInference && agent === "main";
}
