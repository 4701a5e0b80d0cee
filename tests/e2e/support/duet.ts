import type { LlamaServer } from "./llama-server.ts";
import { isInference, listen, type Recorded, record, type TestServer } from "./recording.ts";
import { type Measured, replay } from "./replay.ts";
import type { Scenario } from "./scenario.ts";
import { scriptedAnswer } from "./scripted-upstream.ts";

/** A request of the client, and what it cost llama-server. */
export interface Played {
  readonly request: Recorded;
  readonly measured: Measured;
}

/**
 * An upstream in which llama-server evaluates each prompt and the scenario answers it: the model has random weights and cannot hold a
 * conversation. What the proxy asks for itself, warm-ups included, goes to llama-server and comes back unchanged.
 */
export interface Duet extends TestServer {
  /** The client's requests in the order in which they were answered. */
  readonly played: readonly Played[];
}

export function startDuet(scenario: Scenario, llama: LlamaServer): Duet {
  const played: Played[] = [];
  const server = listen(async (request) => {
    const recorded = await record(request);
    if (!isInference(recorded) || isForOneToken(recorded)) return await pass(recorded, llama, request.signal);
    played.push({ request: recorded, measured: await replay(recorded, llama) });
    return scriptedAnswer(scenario, recorded, `duet${played.length}`);
  });
  return { ...server, played };
}

// --- internal ---

function isForOneToken({ body }: Recorded): boolean {
  return (JSON.parse(Buffer.from(body).toString()) as { max_tokens?: number }).max_tokens === 1;
}

async function pass(recorded: Recorded, { origin }: LlamaServer, signal: AbortSignal): Promise<Response> {
  const { method, target, body } = recorded;
  try {
    const headers = { "content-type": recorded.headers.get("content-type") ?? "application/json" };
    const answer = await fetch(origin + target, {
      // Without a pool: the server may be closing an idle connection at this moment.
      ...{ method, headers, signal, timeout: false, keepalive: false },
      ...(method === "POST" && { body }),
    } as RequestInit);
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  } catch {
    // As the refused connection that the proxy would have met without the duet.
    return new Response(null, { status: 503 });
  }
}
