import { describe, expect, test } from "bun:test";
import { get, type IncomingMessage } from "node:http";
import { createServer, type Socket } from "node:net";
import { rawClient, request } from "../support/client.ts";
import { freePort } from "../support/port.ts";
import { ownError, proxyTo } from "../support/proxy.ts";
import { answerText, type Connection, chunkedHead, chunkOf, startUpstream } from "../support/upstream.ts";

/** An answer of which nothing is read before it is asked for. */
function answerTo(port: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/x", agent: false }, resolve).on("error", reject);
  });
}

function dieAfter(text: string): (connection: Connection) => void {
  return (connection) => {
    connection.write(text);
    connection.end();
  };
}

describe("an upstream that dies before its headers", () => {
  test("nobody listens: 502 with the URL, the cause and what to do", async () => {
    const origin = `http://127.0.0.1:${await freePort()}`;
    await using proxy = proxyTo(`${origin}/base`);
    const answer = await fetch(proxy.url, {
      method: "POST",
      body: "secret words",
      headers: { "x-api-key": "sk-1" },
    });
    expect(answer.status).toBe(502);
    expect(await ownError(answer)).toBe(
      `cache-proxy: cannot reach llama-server at ${origin}/base: connection refused; start it or pass --upstream`,
    );
  });

  test("there is no such host", async () => {
    await using proxy = proxyTo("http://no-such-host.invalid");
    const answer = await fetch(proxy.url);
    expect(answer.status).toBe(502);
    expect(await ownError(answer)).toContain("cannot reach llama-server at http://no-such-host.invalid: ");
  });

  const DEATHS: [string, (connection: Connection) => void][] = [
    ["it closes", (connection) => connection.end()],
    ["it resets", (connection) => connection.reset()],
    ["half a header", dieAfter("HTTP/1.1 200 OK\r\nx-a")],
    ["no HTTP", dieAfter("hello\r\n\r\n")],
  ];
  test.each(DEATHS)("%s: 502, and the request was sent once", async (_name, die) => {
    await using upstream = await startUpstream(die);
    await using proxy = proxyTo(upstream.origin);
    using client = await request(proxy.port, "POST /x", [], "x");
    const text = await client.until("pass --upstream");
    expect(text).toStartWith("HTTP/1.1 502 ");
    expect(text).toContain(`cannot reach llama-server at ${upstream.origin}: `);
    expect(upstream.requests.map(({ target }) => target)).toEqual(["/x"]);
  });

  test("it comes back: the next request is served", async () => {
    const port = await freePort();
    await using proxy = proxyTo(`http://127.0.0.1:${port}`);
    expect((await fetch(proxy.url)).status).toBe(502);
    using _server = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response("back") });
    expect(await (await fetch(proxy.url)).text()).toBe("back");
  });
});

describe("an upstream that dies in the middle of its body", () => {
  const HEADS: [string, string][] = [
    ["chunks", `${chunkedHead()}${chunkOf("hello")}`],
    ["a known length", "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 100\r\n\r\nhello"],
    [
      "a known length that is not held",
      "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 99000000\r\n\r\nhello",
    ],
  ];
  const cases = HEADS.flatMap(([name, head]) =>
    (["end", "reset"] as const).map((how) => [name, how, head] as const),
  );
  test.each(cases)("%s, %s: the client's connection breaks", async (_name, how, head) => {
    const seen = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (connection) => {
      connection.write(head);
      await seen.promise;
      connection[how]();
    });
    await using proxy = proxyTo(upstream.origin, { limits: { heldMs: 1 } });
    using client = await request(proxy.port, "GET /x");
    await client.until("hello");
    seen.resolve();
    expect(await client.ended).toBe("reset");
    expect(client.received).not.toContain("\r\n0\r\n\r\n");
  });

  test("while a short answer is still held: it breaks too", async () => {
    await using upstream = await startUpstream(async (connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 100\r\n\r\nhello");
      await connection.drained();
      connection.end();
    });
    await using proxy = proxyTo(upstream.origin, { limits: { heldMs: 60_000 } });
    using client = await request(proxy.port, "GET /x");
    expect(await client.ended).toBe("reset");
  });

  test("nothing is printed: the upstream's death is one line of the log, not a stack trace", async () => {
    const script = `
      import { startProxy } from ${JSON.stringify(import.meta.resolve("../../src/proxy/server.ts"))};
      import { createServer, type Socket } from "node:net";
      const upstream = createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => { socket.write(${JSON.stringify(`${chunkedHead()}${chunkOf("hello")}`)}); setTimeout(() => socket.destroy(), 10); });
      }).listen(0, "127.0.0.1", async () => {
        const proxy = startProxy({ host: "127.0.0.1", port: 0, allowHosts: [], rewrite: (body) => ({ body, notes: [], facts: {} }),
          upstream: { origin: "http://127.0.0.1:" + upstream.address().port, basePath: "" } });
        await fetch(proxy.url).then((answer) => answer.text()).catch(() => {});
        process.exit(0);
      });`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
    expect(await new Response(child.stdout).text()).toBe("");
    expect(await new Response(child.stderr).text()).toBe("");
  });
});

describe("a client that leaves", () => {
  test("before the answer: the upstream's connection is closed", async () => {
    const arrived = Promise.withResolvers<Connection>();
    await using upstream = await startUpstream(arrived.resolve);
    await using proxy = proxyTo(upstream.origin);
    using client = await request(proxy.port, "POST /x", [], "x");
    const { closed } = await arrived.promise;
    client.leave();
    await closed;
  });

  test("in the middle of the answer: the upstream's connection is closed", async () => {
    const arrived = Promise.withResolvers<Connection>();
    await using upstream = await startUpstream((connection) => {
      connection.write(`${chunkedHead()}${chunkOf("hello")}`);
      arrived.resolve(connection);
    });
    await using proxy = proxyTo(upstream.origin);
    using client = await request(proxy.port, "POST /x", [], "x");
    await client.until("hello");
    client.leave();
    await (await arrived.promise).closed;
  });

  test("while a short answer is held: the upstream's connection is closed", async () => {
    const arrived = Promise.withResolvers<Connection>();
    await using upstream = await startUpstream((connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 10\r\n\r\nhello");
      arrived.resolve(connection);
    });
    await using proxy = proxyTo(upstream.origin, { limits: { heldMs: 60_000 } });
    using client = await request(proxy.port, "GET /x");
    const { closed } = await arrived.promise;
    client.leave();
    await closed;
  });

  test("in the middle of its own request: nothing reaches the upstream, and the proxy goes on", async () => {
    await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
    await using proxy = proxyTo(upstream.origin);
    for (const length of ["content-length: 10", "transfer-encoding: chunked"]) {
      using client = await rawClient(proxy.port);
      client.write(`POST /x HTTP/1.1\r\nhost: localhost\r\n${length}\r\n\r\n3\r\nab`);
      client.leave();
    }
    expect(await (await fetch(proxy.url)).text()).toBe("ok");
    expect(upstream.requests.map(({ method }) => method)).toEqual(["GET"]);
  });
});

describe("a reader that is slow", () => {
  test("holds the upstream back, and gets every byte in the end", async () => {
    const block = chunkOf("x".repeat(65_536));
    const blocks = 1_000;
    let written = 0;
    const stalled = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (connection) => {
      connection.write(chunkedHead());
      for (; written < blocks; written++) {
        connection.write(block);
        // A block that is not taken within this time is not being taken at all; were it only late, the test would be weaker.
        const patience = setTimeout(stalled.resolve, 300);
        await connection.drained();
        clearTimeout(patience);
      }
      connection.write("0\r\n\r\n");
    });
    await using proxy = proxyTo(upstream.origin);
    const answer = await answerTo(proxy.port);
    await stalled.promise;
    // Four sockets buffer what is on its way: about 10 of the 65 megabytes.
    expect(written).toBeLessThan(blocks / 2);
    let size = 0;
    for await (const chunk of answer) size += chunk.length;
    expect(size).toBe(blocks * 65_536);
  });
});

describe("connections that the upstream closes", () => {
  const HABITS: [string, (connection: Connection, count: number) => void][] = [
    ["at once", (connection) => connection.end()],
    ["a moment after the answer", (connection, count) => setTimeout(connection.end, count % 3)],
    ["by a reset a moment after", (connection, count) => setTimeout(connection.reset, 1 + (count % 3))],
    ["never", () => {}],
  ];
  test.each(HABITS)(
    "%s: no POST ever meets an error, and each is sent in order, twice at most",
    async (_name, close) => {
      let count = 0;
      await using upstream = await startUpstream((connection) => {
        connection.write(answerText("ok"));
        close(connection, count++);
      });
      await using proxy = proxyTo(upstream.origin);
      for (let i = 0; i < 150; i++) {
        const got = await fetch(proxy.url, { method: "POST", body: `${i}` });
        expect([got.status, await got.text()]).toEqual([200, "ok"]);
        if (i % 5 === 0) await Bun.sleep(i % 4);
      }
      const arrived = upstream.requests.map(({ body }) => Number(body.toString()));
      expect(arrived).toEqual(arrived.toSorted((a, b) => a - b));
      expect(new Set(arrived).size).toBe(150);
      for (let i = 0; i < 150; i++)
        expect(arrived.filter((each) => each === i).length).toBeLessThanOrEqual(2);
    },
  );

  test("a kept connection that the upstream closes just then: the request is sent once more, on a new one", async () => {
    const first = new WeakSet<Socket>();
    let requests = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => {
        requests++;
        if (first.has(socket)) return socket.destroy();
        first.add(socket);
        socket.write(answerText("ok"));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await using proxy = proxyTo(`http://127.0.0.1:${port}`);
    for (let i = 0; i < 200; i++) {
      const got = await fetch(proxy.url, { method: "POST", body: `${i}` });
      expect([got.status, await got.text()]).toEqual([200, "ok"]);
    }
    // Every second request meets a connection that has had its one answer.
    expect(requests).toBeGreaterThan(200);
    expect(requests).toBeLessThanOrEqual(400);
    server.close();
  });

  test("an answer that has begun is never asked for again", async () => {
    await using upstream = await startUpstream((connection) => {
      if (upstream.requests.length === 1) return connection.write(answerText("ok"));
      connection.write(`${chunkedHead()}${chunkOf("a")}`);
      setTimeout(connection.reset, 20);
    });
    await using proxy = proxyTo(upstream.origin);
    await (await fetch(proxy.url, { method: "POST", body: "1" })).text();
    using client = await request(proxy.port, "POST /x", [], "2");
    await client.ended;
    expect(upstream.requests).toHaveLength(2);
  });

  test("connections are kept and used again", async () => {
    await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
    await using proxy = proxyTo(upstream.origin);
    for (let i = 0; i < 3; i++) await (await fetch(proxy.url, { method: "POST", body: "x" })).text();
    expect(upstream.connections).toBe(1);
  });
});

describe("idle connections", () => {
  // The table of Bun's own limits, 10 s and 300 s, cannot be waited for here; tests/e2e/long-silence.ts stays silent for 8 minutes.
  test("a client's connection outlives Bun's own 10 seconds", async () => {
    const go = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (connection) => {
      await go.promise;
      connection.write(answerText("late"));
    });
    await using proxy = proxyTo(upstream.origin);
    using client = await request(proxy.port, "POST /x", [], "x");
    const outcome = await Promise.race([client.ended, Bun.sleep(12_000).then(() => "open")]);
    expect(outcome).toBe("open");
    go.resolve();
    await client.until("late");
  }, 20_000);
});

describe("an upstream's last bytes", () => {
  // Bun 1.4.5's fetch itself drops bytes that arrive together with the end of the connection, see limits.test.ts.
  test.each([50, 40_010, 3_000_000])(
    "%d of them reach the client before its connection breaks",
    async (size) => {
      await using upstream = await startUpstream(async (connection) => {
        connection.write(`${chunkedHead()}${chunkOf("y".repeat(size))}`);
        await connection.drained();
        connection.write(chunkOf("event: error\ndata: {}\n\n"));
        await Bun.sleep(50);
        connection.end();
      });
      await using proxy = proxyTo(upstream.origin);
      using client = await request(proxy.port, "POST /v1/messages", [], "{}");
      await client.ended;
      expect(client.received).toContain("event: error\ndata: {}\n\n");
      expect(client.received).not.toEndWith("0\r\n\r\n");
    },
  );
});
