import type { Upstream } from "../upstream/upstream.ts";

/** A server with its chat template, and how to ask it. */
export interface Renderer {
  readonly identity: string | undefined;
  readonly prefix: string;
  readonly model: string | undefined;
  readonly conversation: string | undefined;
}

/**
 * How a chat template renders a tool loop once the user has spoken again. `kept`: as before. `user`: differently, as soon as a user turn
 * follows it. `answer`: differently, as soon as an answer and a user turn follow it, as gpt-oss's template does.
 */
export type LoopRendering = "kept" | "user" | "answer";

/** Knows how chat templates render tool loops. */
export class Templates {
  readonly #upstream: Upstream;
  /** By the server's identity and the kind of loop. Few servers are met in one run. */
  readonly #known = new Map<string, LoopRendering>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /**
   * Asks the server to render a short loop, with and without thinking, with and without turns after it. Resolves with `undefined` where
   * it does not render (`POST /apply-template`), and when the signal is aborted. Never rejects.
   */
  async rendering(
    server: Renderer,
    thinks: boolean,
    signal: AbortSignal,
  ): Promise<LoopRendering | undefined> {
    const { identity, prefix } = server;
    const key = JSON.stringify([identity, prefix, thinks]);
    try {
      const found = this.#known.get(key) ?? (await this.#ask(server, thinks, signal));
      if (found) this.#known.set(key, found);
      return found;
    } catch {
      return undefined;
    }
  }

  // --- internal ---

  async #ask(server: Renderer, thinks: boolean, signal: AbortSignal): Promise<LoopRendering | undefined> {
    const loop = exampleLoop(thinks);
    /** The loop, rendered up to its last result. */
    const rendered = async (after: readonly object[]): Promise<string | undefined> => {
      const question = { model: server.model, messages: [...loop, ...after], tools: [TOOL] };
      const prompt = await this.#upstream.rendered(question, server, signal);
      const end = prompt?.indexOf(RESULT) ?? -1;
      return end < 0 ? undefined : prompt?.slice(0, end);
    };
    const over = await rendered([ANSWER, NEXT]);
    if (over === undefined) return undefined;
    if (over === (await rendered([]))) return "kept";
    return over === (await rendered([NEXT])) ? "user" : "answer";
  }
}

// --- internal ---

const TOOL = {
  type: "function",
  function: { name: "look", description: "Looks.", parameters: { type: "object", properties: {} } },
};

const RESULT = "The result of a look.";

const ANSWER = { role: "assistant", content: "There it is." };
const NEXT = { role: "user", content: "." };

/** Two calls: some templates treat the last assistant turn differently. */
function exampleLoop(thinks: boolean): object[] {
  const call = (id: string) => ({
    role: "assistant",
    content: "",
    ...(thinks && { reasoning_content: "It is time to look." }),
    tool_calls: [{ id, type: "function", function: { name: "look", arguments: "{}" } }],
  });
  const result = (id: string, content: string) => ({ role: "tool", tool_call_id: id, content });
  return [
    { role: "user", content: "Look twice." },
    call("call00001"),
    result("call00001", "Nothing yet."),
    call("call00002"),
    result("call00002", RESULT),
  ];
}
