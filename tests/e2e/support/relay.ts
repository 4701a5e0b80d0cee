import { listen, type Recorded, record, type TestServer } from "./recording.ts";

/** A header the relay adds, so that a request received by the upstream can be matched with the one the client sent. */
export const RELAY_ID = "x-relay-id";

/** Sits between client and proxy and keeps what the client sent. */
export interface Relay extends TestServer {
  readonly requests: readonly Recorded[];
}

/** Starts a relay that forwards everything to `target` with its bytes unchanged. */
export function startRelay(target: string): Relay {
  const requests: Recorded[] = [];
  const server = listen(async (request) => {
    const recorded = await record(request);
    requests.push(recorded);
    return pass(recorded, target, requests.length - 1, request.signal);
  });
  return { ...server, requests };
}

// --- internal ---

async function pass(recorded: Recorded, origin: string, id: number, signal: AbortSignal): Promise<Response> {
  const { method, target, body } = recorded;
  const headers = new Headers(recorded.headers);
  for (const name of ["host", "connection", "content-length", "transfer-encoding"]) headers.delete(name);
  headers.set(RELAY_ID, String(id));
  const hasBody = method !== "GET" && method !== "HEAD";
  const answer = await fetch(origin + target, {
    keepalive: false,
    method,
    headers,
    ...(hasBody ? { body } : {}),
    signal,
    redirect: "manual",
    decompress: false,
    timeout: false,
  } as RequestInit);
  return new Response(answer.body, { status: answer.status, headers: answer.headers });
}
