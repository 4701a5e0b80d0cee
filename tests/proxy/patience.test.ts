import { describe, expect, test } from "bun:test";
import type { ProxySettings } from "../../src/proxy/server.ts";
import { type RawClient, request, unchunked } from "../support/client.ts";
import { type DisposableProxy, proxyTo } from "../support/proxy.ts";
import {
  answerText,
  type Connection,
  chunkedHead,
  chunkOf,
  type ScriptedUpstream,
  startUpstream,
} from "../support/upstream.ts";

const PING = 'event: ping\ndata: {"type": "ping"}\n\n';
const COMMENT = ": waiting for the upstream\n";
const OPENAI_PATHS = [
  "/v1/chat/completions",
  "/api/chat",
  "/upstream/qwen/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/completion",
];

/** So short that a test sees pings at once, and so long that no test can see one. */
const SHORT = { firstPingMs: 5, nextPingMs: 5 };
const NEVER = { firstPingMs: 2 ** 30, nextPingMs: 2 ** 30 };

/** A proxy whose rewriting takes every body for a request with this `stream`. */
function patientProxy(
  upstream: ScriptedUpstream,
  limits: ProxySettings["limits"],
  stream = true,
): DisposableProxy {
  return proxyTo(upstream.origin, { limits, repair: (body) => ({ body, notes: [], facts: { stream } }) });
}

interface Waiting extends AsyncDisposable {
  readonly client: RawClient;
  /** The upstream's side of the request, which has not been answered. */
  readonly connection: Connection;
}

/** A streaming request that has had two pings and no answer. */
async function waiting(
  path = "/v1/messages?beta=true",
  ping = PING,
  headers: string[] = [],
): Promise<Waiting> {
  const arrived = Promise.withResolvers<Connection>();
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(arrived.resolve));
  const proxy = stack.use(patientProxy(upstream, SHORT));
  const client = stack.use(await request(proxy.port, `POST ${path}`, headers, "{}"));
  const connection = await arrived.promise;
  await until(client, (body) => body.startsWith(ping + ping));
  return { client, connection, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Resolves once the body, as far as it has come, is as wanted. */
async function until(client: RawClient, wanted: (body: string) => boolean): Promise<string> {
  while (!wanted(unchunked(client.received))) {
    const gone = await Promise.race([client.ended, Bun.sleep(1)]);
    if (gone) throw new Error(`${gone}; received ${JSON.stringify(client.received)}`);
  }
  return unchunked(client.received);
}

/** The whole body of an answer that ends in order. */
async function wholeBody(client: RawClient): Promise<string> {
  return unchunked(await client.until("\r\n0\r\n\r\n"));
}

describe("an upstream that keeps silent", () => {
  test("the client gets status 200, an event stream and pings", async () => {
    await using late = await waiting();
    expect(late.client.received).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(late.client.received.toLowerCase()).toContain("content-type: text/event-stream\r\n");
  });

  test("the head is what a buffering proxy and a web page need", async () => {
    await using late = await waiting("/v1/chat/completions", COMMENT, ["origin: http://localhost:3000"]);
    const head = late.client.received.toLowerCase();
    expect(head).toContain("x-accel-buffering: no\r\n");
    expect(head).toContain("access-control-allow-origin: http://localhost:3000\r\n");
    expect(head).toContain("access-control-allow-credentials: true\r\n");
    expect(head).toContain("vary: origin\r\n");
    await using other = await waiting();
    expect(other.client.received.toLowerCase()).not.toContain("access-control");
  });

  test("then the upstream's bytes, unchanged, with no ping inside an event", async () => {
    await using late = await waiting();
    const pieces = ["event: mess", "age_start\ndata: {}\n", "\nevent: message_stop\n", "data: {}\n\n"];
    late.connection.write(chunkedHead());
    for (const piece of pieces) {
      late.connection.write(chunkOf(piece));
      // Several pings' worth of time: one that was to come now would stand in the middle of an event.
      await Bun.sleep(20);
    }
    late.connection.write("0\r\n\r\n");
    const body = await wholeBody(late.client);
    // The last piece ends an event: a ping may follow it.
    expect(body.replaceAll(PING, "")).toBe(pieces.join(""));
    const events = ["event: message_start\ndata: {}\n\n", "event: message_stop\ndata: {}\n\n"];
    expect(body.startsWith(PING)).toBe(true);
    for (const event of events) expect(body).toContain(event);
  });

  test("pings go on between the upstream's headers and its first byte", async () => {
    await using late = await waiting();
    late.connection.write(chunkedHead());
    await late.connection.drained();
    const before = unchunked(late.client.received).length;
    await until(late.client, (body) => body.length >= before + 3 * PING.length);
    late.connection.write(`${chunkOf("data: x\n\n")}0\r\n\r\n`);
    expect(await wholeBody(late.client)).toMatch(
      /^(?:event: ping\ndata: \{"type": "ping"\}\n\n)+data: x\n\n$/,
    );
  });

  test.each([
    ["\n\n", "data: 1\n\n"],
    ["\r\n\r\n", "data: 1\r\n\r\n"],
    ["\r\r", "data: 1\r\r"],
  ])("silence after an event that ends with %j: pings until the next one", async (_end, event) => {
    await using upstream = await startUpstream((connection) =>
      connection.write(chunkedHead() + chunkOf(event)),
    );
    await using proxy = patientProxy(upstream, { firstPingMs: 2 ** 30, nextPingMs: 5 });
    using client = await request(proxy.port, "POST /v1/messages", [], "{}");
    await until(client, (body) => body.startsWith(event + PING + PING));
  });

  test("headers at once and then nothing: the same", async () => {
    await using upstream = await startUpstream((connection) =>
      connection.write(chunkedHead(["content-type: text/event-stream", "x-a: 1"])),
    );
    await using proxy = patientProxy(upstream, { firstPingMs: 400, nextPingMs: 5 });
    using client = await request(proxy.port, "POST /v1/messages", [], "{}");
    await until(client, (body) => body.startsWith(PING + PING));
    expect(client.received).toContain("x-a: 1");
  });

  test("an unpacked stream follows the pings where the upstream compresses it", async () => {
    await using late = await waiting();
    const zipped = Buffer.from(Bun.gzipSync("data: x\n\n")).toString("latin1");
    late.connection.write(chunkedHead(["content-type: text/event-stream", "content-encoding: gzip"]));
    late.connection.write(Buffer.from(`${zipped.length.toString(16)}\r\n${zipped}\r\n0\r\n\r\n`, "latin1"));
    expect(await wholeBody(late.client)).toEndWith(`${PING}data: x\n\n`);
  });

  test.each(OPENAI_PATHS)("%s gets comments, which its clients skip", async (path) => {
    await using late = await waiting(path, COMMENT);
    late.connection.write(`${chunkedHead()}${chunkOf("data: x\n\n")}0\r\n\r\n`);
    const body = await wholeBody(late.client);
    expect(body.replaceAll(COMMENT, "")).toBe("data: x\n\n");
  });
});

describe("no ping is sent", () => {
  /** The answer of an upstream that takes many pings' time for it. */
  async function slowly(line: string, stream: boolean): Promise<string> {
    await using upstream = await startUpstream(async (connection) => {
      await Bun.sleep(50);
      connection.write(answerText("{}", "200 OK", ["content-type: application/json"]));
    });
    await using proxy = patientProxy(upstream, SHORT, stream);
    using client = await request(proxy.port, line, [], "{}");
    return await client.until("\r\n\r\n{}");
  }

  const CASES: [name: string, line: string, stream: boolean][] = [
    ["into a request that does not stream", "POST /v1/messages", false],
    ["into an OpenAI request that does not stream", "POST /v1/chat/completions", false],
    ["for counting tokens", "POST /v1/messages/count_tokens", true],
    ["for another path", "POST /v1/embeddings", true],
    ["for a path below", "POST /v1/messages/batches", true],
    ["for another method", "PUT /v1/messages", true],
  ];
  test.each(CASES)("%s", async (_name, line, stream) => {
    const text = await slowly(line, stream);
    expect(text).not.toContain("ping");
    expect(text.toLowerCase()).toContain("content-type: application/json\r\n");
  });

  test("before its time: an answer in time is the upstream's, byte for byte", async () => {
    const answer = `${chunkedHead(["content-type: text/event-stream", "x-a: 1"])}${chunkOf("data: 1\n\n")}${chunkOf("data: 2\n\n")}`;
    await using upstream = await startUpstream((connection) => connection.write(answer));
    await using proxy = patientProxy(upstream, NEVER);
    using client = await request(proxy.port, "POST /v1/messages", [], "{}");
    expect(unchunked(await client.until("data: 2\n\n"))).toBe("data: 1\n\ndata: 2\n\n");
    expect(client.received).toContain("x-a: 1");
  });

  test("inside an event, however long the upstream pauses", async () => {
    const go = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (connection) => {
      connection.write(`${chunkedHead()}${chunkOf("event: a\n")}`);
      await go.promise;
      connection.write(`${chunkOf("data: b\n\n")}0\r\n\r\n`);
    });
    await using proxy = patientProxy(upstream, { firstPingMs: 500, nextPingMs: 5 });
    using client = await request(proxy.port, "POST /v1/messages", [], "{}");
    await client.until("event: a\n");
    await Bun.sleep(600);
    go.resolve();
    // On a machine that is busy enough a ping may come before them.
    expect((await wholeBody(client)).replace(new RegExp(`^(?:${RegExp.escape(PING)})*`), "")).toBe(
      "event: a\ndata: b\n\n",
    );
  });

  test("into an answer that is compressed or no event stream", async () => {
    for (const head of [
      ["content-type: application/json"],
      ["content-type: text/event-stream", "content-encoding: gzip"],
    ]) {
      await using upstream = await startUpstream(async (connection) => {
        connection.write(chunkedHead(head));
        await Bun.sleep(500);
        connection.write(`${chunkOf("all")}0\r\n\r\n`);
      });
      await using proxy = patientProxy(upstream, { firstPingMs: 200, nextPingMs: 5 });
      using client = await request(proxy.port, "POST /v1/messages", [], "{}");
      expect(await client.until("all")).not.toContain("ping");
    }
  });
});

describe("errors after the first ping", () => {
  /** The last event of an Anthropic stream that ends with an error of the upstream's. */
  async function lateEvent(answer: string, path?: string, ping?: string): Promise<string> {
    await using late = await waiting(path, ping);
    late.connection.write(answer);
    const body = await wholeBody(late.client);
    return body.replaceAll(ping ?? PING, "");
  }
  const json = (status: string, body: unknown) =>
    answerText(JSON.stringify(body), status, ["content-type: application/json"]);
  const event = (error: unknown) => `event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`;

  test.each(["429 Too Many Requests", "503 Service Unavailable", "529 Overloaded"])(
    "%s is overloaded_error: the client retries, streaming",
    async (status) => {
      expect(await lateEvent(json(status, { error: { message: "busy" } }))).toBe(
        event({ type: "overloaded_error", message: "busy" }),
      );
    },
  );

  test("any other error has its own type: the client asks again without streaming", async () => {
    expect(
      await lateEvent(
        json("500 X", { error: { code: 500, message: "broken template", type: "server_error" } }),
      ),
    ).toBe(event({ type: "api_error", message: "broken template" }));
    expect(
      await lateEvent(
        json("400 X", { type: "error", error: { type: "invalid_request_error", message: "no" } }),
      ),
    ).toBe(event({ type: "invalid_request_error", message: "no" }));
    expect(await lateEvent(answerText("", "302 Found", ["location: /"]))).toBe(
      event({ type: "api_error", message: "the upstream answered with status 302" }),
    );
  });

  test("an overflow is Anthropic's", async () => {
    const overflow = {
      code: 400,
      type: "exceed_context_size_error",
      message: "x",
      n_prompt_tokens: 9,
      n_ctx: 8,
    };
    expect(await lateEvent(json("400 Bad Request", { error: overflow }))).toBe(
      event({ type: "invalid_request_error", message: "prompt is too long: 9 tokens > 8 maximum" }),
    );
  });

  test("a success that is no event stream is an error too, never a clean end", async () => {
    expect(await lateEvent(json("200 OK", { content: [] }))).toBe(
      event({
        type: "api_error",
        message:
          "cache-proxy: the upstream answered a streaming request without an event stream (application/json)",
      }),
    );
    expect(await lateEvent("HTTP/1.1 204 No Content\r\n\r\n")).toContain('"type":"api_error"');
  });

  test("so is an event stream without an event", async () => {
    expect(await lateEvent(`${chunkedHead()}0\r\n\r\n`)).toBe(
      event({
        type: "api_error",
        message: "cache-proxy: the upstream ended its event stream without an event",
      }),
    );
  });

  test("a long error is cut, not held in full", async () => {
    const text = await lateEvent(answerText("x".repeat(300_000), "500 X"));
    expect(text).toStartWith("event: error\n");
    expect(text.length).toBeLessThan(70_000);
  });

  test("OpenAI's clients find it in the data", async () => {
    const error = { code: 500, message: "broken", type: "server_error" };
    expect(await lateEvent(json("500 X", { error }), "/v1/chat/completions", COMMENT)).toBe(
      'data: {"error":{"type":"api_error","message":"broken","code":500}}\n\n',
    );
  });

  const BREAKS: [string, (connection: Connection) => void][] = [
    ["the upstream closes", (connection) => connection.end()],
    ["the upstream resets", (connection) => connection.reset()],
    [
      "it breaks in an error's body",
      (connection) => endAfter(connection, "HTTP/1.1 500 X\r\ncontent-length: 99\r\n\r\n{"),
    ],
    [
      "it breaks in the stream",
      (connection) => endAfter(connection, `${chunkedHead()}${chunkOf("event: a")}`),
    ],
    ["it breaks before the stream", (connection) => endAfter(connection, chunkedHead())],
  ];
  test.each(BREAKS)("%s: the client's connection breaks", async (_name, breakOff) => {
    await using late = await waiting();
    breakOff(late.connection);
    expect(await late.client.ended).toBe("reset");
    expect(late.client.received).not.toContain("\r\n0\r\n\r\n");
    expect(late.client.received).not.toContain("event: error");
  });
});

describe("a client that leaves while it waits", () => {
  test("aborts the upstream's request at once: before and after the upstream's headers", async () => {
    for (const head of ["", chunkedHead()]) {
      await using late = await waiting();
      late.connection.write(head);
      late.client.leave();
      await late.connection.closed;
    }
  });

  test("before the first ping too", async () => {
    const arrived = Promise.withResolvers<Connection>();
    await using upstream = await startUpstream(arrived.resolve);
    await using proxy = patientProxy(upstream, NEVER);
    using client = await request(proxy.port, "POST /v1/messages", [], "{}");
    const { closed } = await arrived.promise;
    client.leave();
    await closed;
  });
});

function endAfter(connection: Connection, text: string): void {
  connection.write(text);
  connection.end();
}
