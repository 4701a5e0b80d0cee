/** What the balancers of deploy/ do with a server that loads, a client that leaves, and a slot that is busy; with scripted servers. */
import { describe, expect, test } from "bun:test";
import { startBalancer } from "./support/balancer.ts";
import { listen, type TestServer } from "./support/recording.ts";

interface Replica extends TestServer {
  /** As a llama-server that loads its model: 503 to everything but `/health`, so that the balancer's checks do not find it first. */
  isLoading: boolean;
  /** The length of each request body that arrived. */
  readonly bodies: number[];
  /** Resolves when an unanswered request has arrived. */
  readonly arrived: Promise<void>;
  /** Resolves when the client of an unanswered request has left. */
  readonly left: Promise<void>;
  /** Answers the requests that wait. */
  finish(): void;
}

describe.each(["haproxy", "nginx"] as const)("%s", (kind) => {
  test("repeats a large request on another server while one loads its model", async () => {
    await using stack = new AsyncDisposableStack();
    const replicas = [startReplica(), startReplica()].map((each) => stack.use(each));
    const servers = replicas.map(({ origin }) => origin);
    const { origin } = stack.use(await startBalancer({ kind, servers, slots: 4 }));
    replicas[0]!.isLoading = true;
    for (let key = 0; key < 20; key++) {
      const answer = await post(origin, `key-${key}`, "x".repeat(1_000_000));
      expect([answer.status, await answer.text()]).toEqual([200, "done"]);
    }
    expect(replicas[0]!.bodies.length).toBeGreaterThan(0);
    expect(replicas[1]!.bodies).toEqual(Array(20).fill(1_000_000));
  }, 60_000);

  test("closes the connection to the server when the client leaves", async () => {
    await using stack = new AsyncDisposableStack();
    const replica = stack.use(startReplica("wait"));
    const { origin } = stack.use(await startBalancer({ kind, servers: [replica.origin], slots: 4 }));
    const client = new AbortController();
    const answer = post(origin, "key", "body", client.signal).catch(() => undefined);
    await replica.arrived;
    client.abort();
    await answer;
    await replica.left;
  }, 60_000);

  test("forwards each event at once", async () => {
    await using stack = new AsyncDisposableStack();
    const replica = stack.use(startReplica("stream"));
    const { origin } = stack.use(await startBalancer({ kind, servers: [replica.origin], slots: 4 }));
    const reader = (await post(origin, "key", "body")).body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("data: 1\n\n");
    replica.finish();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("data: 2\n\n");
  }, 60_000);
});

test("HAProxy lets a request wait while all slots are busy, but not a question", async () => {
  await using stack = new AsyncDisposableStack();
  const replica = stack.use(startReplica("wait"));
  const { origin } = stack.use(await startBalancer({ kind: "haproxy", servers: [replica.origin], slots: 1 }));
  const answers = [post(origin, "one", "body"), post(origin, "two", "body")];
  await replica.arrived;
  expect((await fetch(`${origin}/props`)).status).toBe(200);
  expect((await post(origin, "one", "body", undefined, "/v1/messages/count_tokens")).status).toBe(200);
  expect(replica.bodies.length).toBe(1);
  replica.finish();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
  expect(replica.bodies.length).toBe(2);
}, 60_000);

// --- internal ---

type Manner = "at once" | "wait" | "stream";

function startReplica(manner: Manner = "at once"): Replica {
  const bodies: number[] = [];
  const arrived = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const server = listen(async (request) => {
    if (!new URL(request.url).pathname.endsWith("/v1/messages")) return new Response("{}");
    bodies.push((await request.arrayBuffer()).byteLength);
    if (replica.isLoading) return new Response("loading", { status: 503 });
    request.signal.addEventListener("abort", () => left.resolve());
    arrived.resolve();
    if (manner === "stream") return new Response(twoEvents(finished.promise) as unknown as BodyInit, EVENTS);
    if (manner === "wait") await Promise.race([finished.promise, left.promise]);
    return new Response("done");
  });
  const replica: Replica = {
    ...server,
    isLoading: false,
    bodies,
    arrived: arrived.promise,
    left: left.promise,
    finish: finished.resolve,
  };
  return replica;
}

const EVENTS = { headers: { "content-type": "text/event-stream" } };

async function* twoEvents(second: Promise<void>): AsyncGenerator<Uint8Array> {
  yield Buffer.from("data: 1\n\n");
  await second;
  yield Buffer.from("data: 2\n\n");
}

function post(
  origin: string,
  key: string,
  body: string,
  signal?: AbortSignal,
  path = "/v1/messages",
): Promise<Response> {
  const headers = { "x-cache-proxy-conversation": key };
  const options = { method: "POST", headers, body, keepalive: false, ...(signal && { signal }) };
  return fetch(origin + path, options);
}
