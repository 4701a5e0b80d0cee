import { describe, expect, test } from "bun:test";
import { rawClient } from "../support/client.ts";
import { proxyTo } from "../support/proxy.ts";
import { answerText, chunkedHead, chunkOf, startUpstream } from "../support/upstream.ts";

/**
 * What Bun 1.4.5 does that no setting changes (docs/limits.md). Each of these is pinned so that a new Bun shows what has changed; a test
 * that fails here is no fault of the proxy.
 */
describe("limits of Bun.serve", () => {
  test("a pipelined request gets no answer: the connection closes after the first one", async () => {
    await using upstream = await startUpstream(async (connection) => {
      await Bun.sleep(20);
      connection.write(answerText("ok"));
    });
    await using proxy = proxyTo(upstream.origin);
    using client = await rawClient(proxy.port);
    client.write("GET /1 HTTP/1.1\r\nhost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await client.ended;
    expect(client.received.match(/HTTP\/1\.1 200/g)?.length ?? 0).toBeLessThan(2);
  });

  test("a chunked body with trailers is refused", async () => {
    await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
    await using proxy = proxyTo(upstream.origin);
    using client = await rawClient(proxy.port);
    client.write(
      "POST /x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-t: 1\r\n\r\n",
    );
    await client.ended;
    expect(client.received).not.toContain("HTTP/1.1 200");
    expect(upstream.requests).toEqual([]);
  });

  test.each([
    ["/a/../b", "/b"],
    ["/a\\b", "/a/b"],
    ["/it's", "/it's"],
    ["/x?it's", "/x?it%27s"],
  ])("the target %s arrives as %s", async (target, arrives) => {
    await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
    await using proxy = proxyTo(upstream.origin);
    using client = await rawClient(proxy.port);
    client.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await client.until("ok");
    expect(upstream.requests[0]?.target).toBe(arrives);
  });

  test("100 Continue goes out even before a refusal", async () => {
    await using proxy = proxyTo("http://127.0.0.1:9");
    using client = await rawClient(proxy.port);
    client.write(
      "POST / HTTP/1.1\r\nhost: evil.example\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n",
    );
    await client.until("HTTP/1.1 403");
    expect(client.received).toStartWith("HTTP/1.1 100 Continue\r\n\r\n");
  });
});

describe("limits of fetch", () => {
  test.each([
    ["1xx answers", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", "0\r\n\r\n", "103"],
    ["trailers", "", "0\r\nx-t: 1\r\n\r\n", "x-t"],
  ])("%s of the upstream are dropped", async (_name, before, end, dropped) => {
    await using upstream = await startUpstream(({ write }) =>
      write(`${before}${chunkedHead(["content-type: text/plain"])}${chunkOf("ok")}${end}`),
    );
    await using proxy = proxyTo(upstream.origin);
    using client = await rawClient(proxy.port);
    client.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    await client.ended;
    expect(client.received).toContain("ok");
    expect(client.received.toLowerCase()).not.toContain(dropped);
  });

  test("bytes that arrive together with the end of an unfinished body may be lost", async () => {
    await using upstream = await startUpstream((connection) => {
      connection.write(chunkedHead() + chunkOf("y".repeat(40_010)));
      connection.reset();
    });
    let lost = 0;
    for (let i = 0; i < 50; i++) {
      let size = 0;
      try {
        const answer = await fetch(upstream.origin, { keepalive: false });
        for await (const chunk of answer.body ?? []) size += chunk.length;
      } catch {}
      if (size < 40_010) lost++;
    }
    expect(lost).toBeGreaterThan(0);
  });
});
