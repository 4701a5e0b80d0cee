import type { Upstream } from "../upstream/upstream.ts";

/** A server with its chat template, and how to ask it. */
export interface Renderer {
  readonly identity: string | undefined;
  readonly prefix: string;
  readonly model: string | undefined;
  readonly conversation: string | undefined;
}

/** Whether a server's chat template renders a tool loop differently once the user has spoken again. */
export class Templates {
  readonly #upstream: Upstream;
  /** By the server's identity and the kind of loop. Few servers are met in one run. */
  readonly #known = new Map<string, boolean>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /**
   * Asks the server to render a short loop with and without a user turn after it. Resolves with `undefined` where it does not render
   * (`POST /apply-template`), and when the signal is aborted. Never rejects.
   */
  async rerendersLoops(server: Renderer, thinks: boolean, signal: AbortSignal): Promise<boolean | undefined> {
    const { identity, prefix } = server;
    const key = JSON.stringify([identity, prefix, thinks]);
    try {
      const known = this.#known.get(key) ?? (await this.#ask(server, thinks, signal));
      this.#known.set(key, known);
      return known;
    } catch {
      return undefined;
    }
  }

  // --- internal ---

  async #ask(server: Renderer, thinks: boolean, signal: AbortSignal): Promise<boolean> {
    const loop = exampleLoop(thinks);
    const render = (messages: object[]) =>
      this.#upstream.rendered({ model: server.model, messages, tools: [TOOL] }, server, signal);
    const running = await render(loop);
    const over = await render([...loop, { role: "user", content: "." }]);
    const end = running?.indexOf(RESULT) ?? -1;
    if (running === undefined || over === undefined || end < 0) throw new Error("the server does not render");
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
