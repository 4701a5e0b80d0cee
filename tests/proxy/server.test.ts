import { describe, expect, test } from "bun:test";
import { startProxy } from "../../src/proxy/server.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { rawClient, request, unchunked } from "../support/client.ts";
import { ownError, proxyTo } from "../support/proxy.ts";
import { NOBODY } from "../support/unobserved.ts";
import { answerText, type Connection, chunkedHead, chunkOf, startUpstream } from "../support/upstream.ts";

const answerOk = () => startUpstream((connection) => connection.write(answerText("ok")));

describe("listening", () => {
  test("says where, on a free port, also for IPv6", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin);
    expect(proxy.url).toBe(`http://127.0.0.1:${proxy.port}`);
    await using six = proxyTo(upstream.origin, { host: "::1" });
    expect(six.url).toBe(`http://[::1]:${six.port}`);
    expect(await (await fetch(six.url)).text()).toBe("ok");
  });

  test("on a port that is taken, it says so", () => {
    using taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const start = () =>
      startProxy({
        host: "127.0.0.1",
        port: taken.port as number,
        upstream: new Upstream({ origin: "http://127.0.0.1:9", basePath: "" }),
        observer: NOBODY,
        allowHosts: [],
        repair: (body) => ({ body, notes: [], facts: {} }),
      });
    expect(start).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
  });
});

test("more requests at once than fetch sends get a 529 instead of silence", async () => {
  const arrived: Connection[] = [];
  await using upstream = await startUpstream((connection) => void arrived.push(connection));
  await using proxy = proxyTo(upstream.origin, { limits: { inFlight: 2 } });
  const running = [1, 2].map(() => fetch(proxy.url, { method: "POST", body: "x" }));
  while (arrived.length < 2) await Bun.sleep(1);
  const refused = await fetch(proxy.url, { method: "POST", body: "x" });
  expect(refused.status).toBe(529);
  expect(await refused.json()).toMatchObject({ type: "error", error: { type: "overloaded_error" } });
  for (const connection of arrived) connection.write(answerText("ok"));
  for (const answer of running) expect(await (await answer).text()).toBe("ok");
  expect(arrived).toHaveLength(2);
});

describe("stop", () => {
  test("accepts nothing more, and lets running requests finish", async () => {
    const arrived = Promise.withResolvers<Connection>();
    await using upstream = await startUpstream((connection) => {
      connection.write(chunkedHead() + chunkOf("first"));
      arrived.resolve(connection);
    });
    await using proxy = proxyTo(upstream.origin);
    using running = await request(proxy.port, "GET /x");
    await running.until("first");
    let stopped = false;
    const stopping = proxy.stop().then(() => {
      stopped = true;
    });
    expect(rawClient(proxy.port)).rejects.toThrow("ECONNREFUSED");
    const { write } = await arrived.promise;
    expect(stopped).toBe(false);
    write(`${chunkOf("last")}0\r\n\r\n`);
    expect(unchunked(await running.until("\r\n0\r\n\r\n"))).toBe("firstlast");
    await stopping;
  });

  test("lets a request finish that has no answer yet", async () => {
    const arrived = Promise.withResolvers<Connection>();
    await using upstream = await startUpstream(arrived.resolve);
    await using proxy = proxyTo(upstream.origin);
    const running = fetch(proxy.url, { method: "POST", body: "x" });
    const connection = await arrived.promise;
    const stopping = proxy.stop();
    connection.write(answerText("late"));
    expect(await (await running).text()).toBe("late");
    await stopping;
  });

  test("does not wait for connections that are idle", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin);
    using idle = await request(proxy.port, "GET /x");
    await idle.until("ok");
    await proxy.stop();
  });
});

test("kill breaks off what is running, on both sides", async () => {
  const arrived = Promise.withResolvers<Connection>();
  await using upstream = await startUpstream(arrived.resolve);
  await using proxy = proxyTo(upstream.origin);
  using client = await request(proxy.port, "GET /x");
  const { closed } = await arrived.promise;
  await proxy.kill();
  await client.ended;
  await closed;
});

describe("below /cache-proxy/", () => {
  test("the proxy answers itself, and nothing is forwarded", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin, {
      own: (_method, path) => (path.endsWith("/stats.json") ? Response.json({ requests: 0 }) : undefined),
    });
    expect(await (await fetch(`${proxy.url}/cache-proxy/stats.json`)).json()).toEqual({ requests: 0 });
    const missing = await fetch(`${proxy.url}/cache-proxy/no?such=page`);
    expect(missing.status).toBe(404);
    expect(await ownError(missing)).toBe("cache-proxy: there is nothing at /cache-proxy/no");
    expect(upstream.requests).toEqual([]);
  });

  test("404 without a report; paths that only begin alike are the upstream's", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin);
    expect((await fetch(`${proxy.url}/cache-proxy/`)).status).toBe(404);
    for (const path of ["/cache-proxy-x", "/x/cache-proxy/", "//cache-proxy/"]) {
      using client = await request(proxy.port, `GET ${path}`);
      await client.until("\r\n\r\nok");
    }
  });

  test("a report that fails is a 500 in the shape of an error", async () => {
    await using proxy = proxyTo("http://127.0.0.1:9", {
      own: () => {
        throw new Error("secret");
      },
    });
    const answer = await fetch(`${proxy.url}/cache-proxy/`);
    expect(answer.status).toBe(500);
    expect(await ownError(answer)).not.toContain("secret");
  });
});

describe("bodies that are too large", () => {
  const limits = { requestBytes: 1_000 };
  const body = "x".repeat(1_001);

  test("with a length: 413 before a byte of it was sent", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin, { limits });
    using client = await rawClient(proxy.port);
    client.write("POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1001\r\n\r\n");
    expect(await client.until("larger than 1000 bytes")).toStartWith("HTTP/1.1 413 ");
    expect(await client.ended).toBe("fin");
    expect(upstream.requests).toEqual([]);
  });

  test("in chunks: 413 at the chunk that goes too far", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin, { limits });
    using client = await rawClient(proxy.port);
    client.write("POST /x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    client.write(chunkOf(body.slice(0, 600)) + chunkOf(body.slice(0, 600)));
    expect(await client.until("larger than 1000 bytes")).toStartWith("HTTP/1.1 413 ");
    expect(upstream.requests).toEqual([]);
  });

  test("in the shape of an error", async () => {
    await using proxy = proxyTo("http://127.0.0.1:9", { limits });
    const answer = await fetch(proxy.url, { method: "POST", body });
    expect(answer.status).toBe(413);
    expect(await ownError(answer)).toBe(
      "cache-proxy: the request body is larger than 1000 bytes; nothing was forwarded",
    );
  });

  test("one byte less is forwarded, in both forms", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin, { limits });
    await fetch(proxy.url, { method: "POST", body: body.slice(1) });
    using client = await rawClient(proxy.port);
    client.write("POST /x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    client.write(`${chunkOf(body.slice(1))}0\r\n\r\n`);
    await client.until("ok");
    expect(upstream.requests.map((each) => each.body.length)).toEqual([1_000, 1_000]);
  });
});

describe("errors of the upstream", () => {
  const overflow = {
    error: {
      code: 400,
      type: "exceed_context_size_error",
      message: "too long",
      n_prompt_tokens: 20_011,
      n_ctx: 4_096,
    },
  };
  const json = ["content-type: application/json; charset=utf-8", "x-a: 1"];

  /** The answer of a proxy whose upstream answers so. */
  async function answered(path: string, answer: string): Promise<Response> {
    await using upstream = await startUpstream((connection) => connection.write(answer));
    await using proxy = proxyTo(upstream.origin);
    const got = await fetch(proxy.url + path, { method: "POST", body: "{}", decompress: false });
    return new Response(await got.bytes(), got);
  }

  test.each(["/v1/messages?beta=true", "/v1/messages/count_tokens"])(
    "an overflow becomes Anthropic's on %s",
    async (path) => {
      for (const text of [
        answerText(JSON.stringify(overflow), "400 Bad Request", json),
        `${chunkedHead(json, "400 X")}${chunkOf(JSON.stringify(overflow))}0\r\n\r\n`,
      ]) {
        const answer = await answered(path, text);
        expect(answer.status).toBe(400);
        expect(answer.headers.get("x-a")).toBe("1");
        expect(await answer.json()).toEqual({
          type: "error",
          error: {
            type: "invalid_request_error",
            message: "prompt is too long: 20011 tokens > 4096 maximum",
          },
        });
      }
    },
  );

  test.each([
    "Error: Jinja Exception: System message must be at the beginning.",
    "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error",
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
  ])("one that comes again however often it is tried makes the client stop: %s", async (message) => {
    const error = { error: { code: 500, message, type: "server_error" } };
    const answer = await answered("/v1/messages", answerText(JSON.stringify(error), "500 X", json));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ type: "error", error: { type: "invalid_request_error", message } });
  });

  const SAME: [name: string, path: string, status: string, lines: string[], body: string][] = [
    ["on another path", "/v1/chat/completions", "400 X", json, JSON.stringify(overflow)],
    ["with another status", "/v1/messages", "500 X", json, JSON.stringify(overflow)],
    ["with another type", "/v1/messages", "400 X", ["content-type: text/plain"], JSON.stringify(overflow)],
    ["compressed", "/v1/messages", "400 X", [...json, "content-encoding: x"], JSON.stringify(overflow)],
    ["of another kind", "/v1/messages", "400 X", json, '{ "error": {"type":"invalid_request_error"} }'],
    ["that is not JSON", "/v1/messages", "400 X", json, "{"],
    ["that is large", "/v1/messages", "400 X", json, `{"error":"${"x".repeat(200_000)}"}`],
  ];
  test.each(SAME)("one %s passes unchanged", async (_name, path, status, lines, body) => {
    const answer = await answered(path, answerText(body, status, lines));
    expect(answer.status).toBe(Number(status.slice(0, 3)));
    expect(await answer.text()).toBe(body);
  });
});

test("a load balancer's health check without Host is answered", async () => {
  await using proxy = proxyTo("http://127.0.0.1:9", { own: (_method, path) => new Response(`own ${path}`) });
  using client = await rawClient(proxy.port);
  client.write("GET /cache-proxy/health HTTP/1.0\r\n\r\n");
  expect(await client.until("own")).toContain("own /cache-proxy/health");
  expect(client.received).toContain(" 200 ");
});
