import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isInference, type Recorded } from "./recording.ts";
import type { Conversation, Scenario } from "./scenario.ts";
import { type ScriptedUpstream, scriptedAnswer } from "./scripted-upstream.ts";

/** What goes wrong: a broken connection, or an answer with this status and JSON body. */
export type Fault = "break" | { readonly status: number; readonly body: object };

export interface Trouble {
  readonly fault: Fault;
  /** Milliseconds of silence before every answer, good or bad. */
  readonly silenceMs: number;
  /** Whether this request fails. `before` is the number of requests that have failed so far. */
  isDue(conversation: Conversation, before: number): boolean;
}

/** A scripted upstream that is slow and fails. It uses node:http because Bun.serve cannot break a connection before the headers. */
export async function startFaultyUpstream(scenario: Scenario, trouble: Trouble): Promise<ScriptedUpstream> {
  const requests: Recorded[] = [];
  let failed = 0;
  const server = createServer(async (incoming, outgoing) => {
    const recorded = await recordNode(incoming);
    if (!isInference(recorded)) return void outgoing.writeHead(404).end();
    requests.push(recorded);
    await Bun.sleep(trouble.silenceMs);
    const isDue = trouble.isDue(JSON.parse(Buffer.from(recorded.body).toString()) as Conversation, failed);
    if (isDue) failed += 1;
    if (!isDue) await send(scriptedAnswer(scenario, recorded, `faulty${requests.length}`), outgoing);
    else if (trouble.fault === "break") incoming.socket.destroy();
    else await send(Response.json(trouble.fault.body, trouble.fault), outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

// --- internal ---

async function recordNode(incoming: IncomingMessage): Promise<Recorded> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const body = new Uint8Array(Buffer.concat(chunks));
  return { method: incoming.method ?? "", target: incoming.url ?? "", headers, body };
}

async function send(answer: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
  outgoing.end(await answer.bytes());
}
