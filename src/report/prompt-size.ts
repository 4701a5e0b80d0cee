import type { RequestRecord, RunningRequest } from "./record.ts";
import type { Listener } from "./recorder.ts";

/** Conversations that are remembered; the oldest goes first. */
const LIMIT = 200;

/**
 * Guesses the length of a prompt from the size of its body, by the tokens a byte of the conversation's last request: no
 * endpoint of llama-server tells how long the prompt is that it is evaluating.
 */
export class PromptSizes implements Listener {
  readonly #tokensPerByte = new Map<string, number>();
  #latest: number | undefined;

  ended(record: RequestRecord): void {
    if (!record.request_bytes || !record.prompt_tokens) return;
    this.#latest = record.prompt_tokens / record.request_bytes;
    const key = conversation(record);
    this.#tokensPerByte.delete(key);
    this.#tokensPerByte.set(key, this.#latest);
    if (this.#tokensPerByte.size > LIMIT)
      this.#tokensPerByte.delete(this.#tokensPerByte.keys().next().value!);
  }

  /** About how many tokens; undefined before the first request that told its length. */
  guess(request: RunningRequest): number | undefined {
    const ratio = this.#tokensPerByte.get(conversation(request)) ?? this.#latest;
    return ratio && request.request_bytes ? Math.round(ratio * request.request_bytes) : undefined;
  }
}

// --- internal ---

function conversation({ endpoint, session, agent, agent_id }: RunningRequest): string {
  return [endpoint, session, agent, agent_id].join(" ");
}
