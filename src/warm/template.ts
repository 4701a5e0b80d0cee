import type { ServerFacts } from "../upstream/props.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** Whether a server's chat template renders a tool loop differently once the user has spoken again. */
export class Templates {
  readonly #upstream: Upstream;
  /** By the server's identity and the kind of loop. Few servers are met in one run. */
  readonly #known = new Map<string, Promise<boolean | undefined>>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /**
   * Asks the server to render a short loop with and without a user turn after it. `undefined` where it does not render
   * (`POST /apply-template`). Rejects when the signal is aborted.
   */
  async rerendersLoops(
    { identity = "" }: ServerFacts,
    prefix: string,
    thinks: boolean,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    const key = JSON.stringify([identity, prefix, thinks]);
    const known = this.#known.get(key) ?? this.#ask(prefix, thinks, signal);
    this.#known.set(key, known);
    try {
      return await known;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  // --- internal ---

  async #ask(prefix: string, thinks: boolean, signal: AbortSignal): Promise<boolean | undefined> {
    const loop = exampleLoop(thinks);
    const next = { role: "user", content: "." };
    const running = await this.#upstream.rendered({ messages: loop, tools: [TOOL] }, prefix, signal);
    const over = await this.#upstream.rendered({ messages: [...loop, next], tools: [TOOL] }, prefix, signal);
    const end = running?.indexOf(RESULT) ?? -1;
    if (running === undefined || over === undefined || end < 0) return undefined;
    return over.slice(0, end) !== running.slice(0, end);
  }
}

// --- internal ---

const TOOL = {
  type: "function",
  function: { name: "look", description: "Looks.", parameters: { type: "object", properties: {} } },
};

const RESULT = "The result of a look.";

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
