import type { Listener } from "./listener.ts";
import type { RequestRecord, RunningRequest } from "./record.ts";

/** Conversations to remember; the least recently used one is forgotten first. */
const LIMIT = 200;

/**
 * Guesses the length of a prompt from the size of its body and the tokens per byte of the conversation's last request: no endpoint of
 * llama-server reports how long the prompt is that it is evaluating.
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

  /** In tokens; `undefined` before the first request with a known length. */
  guess(request: RunningRequest): number | undefined {
    const ratio = this.#tokensPerByte.get(conversation(request)) ?? this.#latest;
    return ratio && request.request_bytes ? Math.round(ratio * request.request_bytes) : undefined;
  }
}

// --- internal ---

function conversation({ endpoint, session, agent, agent_id }: RunningRequest): string {
  return [endpoint, session, agent, agent_id].join(" ");
}
