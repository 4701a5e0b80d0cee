import { describe, expect, test } from "bun:test";
import { brotliCompressSync, deflateSync, zstdCompressSync } from "node:zlib";
import type { BodyChange, Observer } from "../../src/request/observer.ts";
import type { ClientRequest } from "../../src/request/request.ts";
import { rawClient, request, unchunked } from "../support/client.ts";
import { ownError, proxyTo } from "../support/proxy.ts";
import { seeded } from "../support/seeded.ts";
import { NOBODY } from "../support/unobserved.ts";
import { type Arrived, answerText, chunkedHead, chunkOf, startUpstream } from "../support/upstream.ts";

const answerOk = () => startUpstream((connection) => connection.write(answerText("ok")));

/** What the upstream got of one request, given as the client's bytes. */
async function forwarded(bytes: string, basePath = ""): Promise<Arrived> {
  await using upstream = await answerOk();
  await using proxy = proxyTo(upstream.origin + basePath);
  using client = await rawClient(proxy.port);
  client.write(bytes);
  await client.until("\r\n\r\n");
  const [arrived] = upstream.requests;
  if (!arrived) throw new Error(`nothing arrived; the client received ${client.received}`);
  return arrived;
}

/** The bytes that the client receives when the upstream answers so. */
async function received(answer: string, until: string, line = "GET /x"): Promise<string> {
  await using upstream = await startUpstream((connection) => connection.write(answer));
  await using proxy = proxyTo(upstream.origin);
  using client = await request(proxy.port, line);
  return await client.until(until);
}

describe("methods", () => {
  test.each([
    "GET",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "POST",
    "PUT",
    "PROPFIND",
    "QUERY",
    "REPORT",
    "SEARCH",
    "TRACE",
  ])("%s reaches the upstream", async (method) => {
    expect((await forwarded(`${method} /x HTTP/1.1\r\nhost: localhost\r\n\r\n`)).method).toBe(method);
  });

  test.each(["PATCH", "POST", "PUT", "PROPFIND", "QUERY", "DELETE"])("%s keeps its body", async (method) => {
    const arrived = await forwarded(
      `${method} /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\na\0b`,
    );
    expect(arrived.body.toString()).toBe("a\0b");
  });
});

describe("targets", () => {
  const SAME = [
    "/",
    "/v1/messages?beta=true",
    "/x?",
    "/x??a=?",
    "/%2F%2f",
    "/a%2F..%2Fb",
    "/%zz%00%e9",
    "/x;y=1,2+3&4:5@6",
    "/x?u=http://evil.example/#",
    "/@evil.example/",
    "/http://evil.example/",
  ];
  test.each(SAME)("%s arrives unchanged", async (target) => {
    expect((await forwarded(`GET ${target} HTTP/1.1\r\nhost: localhost\r\n\r\n`)).target).toBe(
      target.replace("#", ""),
    );
  });

  test("an absolute target reaches the upstream, not the host that it names", async () => {
    for (const target of ["http://evil.example/x?y", "http://user:pw@evil.example:81/x?y"]) {
      const arrived = await forwarded(`GET ${target} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      expect(arrived.target).toBe("/x?y");
      expect(arrived.header("host")).toStartWith("127.0.0.1:");
    }
  });

  test("every target follows the base path", async () => {
    for (const target of ["/v1/messages?beta=true", "/%2F", "/x?"]) {
      const arrived = await forwarded(`GET ${target} HTTP/1.1\r\nhost: localhost\r\n\r\n`, "/base");
      expect(arrived.target).toBe(`/base${target}`);
    }
  });

  // Bun 1.4.5's fetch writes `/x` for `//x`. No server of ours routes the one and not the other.
  test.each([
    ["//x", "/x"],
    ["//evil.example/x?y", "/evil.example/x?y"],
    ["///", "/"],
  ])("the slashes at the start of %s become one, and it stays at the upstream", async (target, want) => {
    expect((await forwarded(`GET ${target} HTTP/1.1\r\nhost: localhost\r\n\r\n`)).target).toBe(want);
  });

  // Bun.serve gives `request.url` as the URL standard writes it, so dot segments are gone before anyone sees them.
  test("dot segments are resolved on the way, below the base path", async () => {
    const arrived = await forwarded("GET /a/../../../b HTTP/1.1\r\nhost: localhost\r\n\r\n", "/base");
    expect(arrived.target).toBe("/base/b");
  });

  test("a request for a tunnel is answered, not forwarded", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin);
    for (const head of [
      "CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost",
      "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: WebSocket\r\nsec-websocket-version: 13",
    ]) {
      using client = await rawClient(proxy.port);
      client.write(`${head}\r\n\r\n`);
      expect(await client.until("no WebSockets")).toStartWith("HTTP/1.1 501");
    }
    expect(upstream.requests).toEqual([]);
  });

  test("any other upgrade is ignored, as RFC 9110 section 7.8 allows", async () => {
    const arrived = await forwarded(
      "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\n\r\n",
    );
    expect(arrived.header("upgrade")).toBeUndefined();
    expect(arrived.header("http2-settings")).toBeUndefined();
  });
});

describe("request headers", () => {
  test("Host is the upstream's", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin);
    await fetch(`${proxy.url}/x`, { headers: { host: "localhost:1" } });
    expect(upstream.requests[0]?.header("host")).toBe(`127.0.0.1:${upstream.port}`);
  });

  test("hop-by-hop headers end at the proxy, all others are kept, none is invented", async () => {
    const arrived = await forwarded(
      [
        "POST /x HTTP/1.1",
        "host: localhost",
        "connection: close, x-hop",
        "x-hop: 1",
        "te: trailers",
        "keep-alive: timeout=5",
        "proxy-authorization: Basic x",
        "authorization: Bearer k",
        "accept: text/x",
        "accept-encoding: gzip, br",
        "user-agent: claude-cli/2.1.330",
        "x-claude-code-session-id: 1",
        "x-empty:",
        "cookie: a=1",
        "content-type: text/plain",
        "content-length: 2",
        "",
        "hi",
      ].join("\r\n"),
    );
    const names = arrived.lines.map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
    expect(names.toSorted()).toEqual([
      "accept",
      "accept-encoding",
      "authorization",
      // fetch's own: it keeps its connection to the upstream.
      "connection",
      "content-length",
      "content-type",
      "cookie",
      "host",
      "user-agent",
      "x-claude-code-session-id",
      "x-empty",
    ]);
    expect(arrived.header("accept-encoding")).toBe("gzip, br");
    expect(arrived.header("authorization")).toBe("Bearer k");
  });

  test("no accept-encoding and no user-agent is sent in the client's name", async () => {
    const arrived = await forwarded("GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n");
    expect(arrived.header("accept-encoding")).toBeUndefined();
    expect(arrived.header("user-agent")).toBe("");
  });

  test("values keep their bytes, also those that are not ASCII", async () => {
    const arrived = await forwarded("GET /x HTTP/1.1\r\nhost: localhost\r\nx-name: caf\u00c3\u00a9\r\n\r\n");
    expect(arrived.header("x-name")).toBe("caf\u00c3\u00a9");
  });

  test("HTTP_PROXY in the environment takes no request elsewhere", async () => {
    await using elsewhere = await answerOk();
    await using upstream = await answerOk();
    const script = `
    import { Upstream } from ${JSON.stringify(import.meta.resolve("../../src/upstream/upstream.ts"))};
    import { NOBODY } from ${JSON.stringify(import.meta.resolve("../support/unobserved.ts"))};
      import { startProxy } from ${JSON.stringify(import.meta.resolve("../../src/proxy/server.ts"))};
      const proxy = startProxy({ host: "127.0.0.1", port: 0, allowHosts: [], upstream: new Upstream({ origin: "${upstream.origin}", basePath: "" }), observer: NOBODY,
        repair: (body) => ({ body, notes: [], facts: {} }) });
      await fetch(proxy.url + "/x", { proxy: false });
      process.exit(0);`;
    const env = { ...process.env, HTTP_PROXY: elsewhere.origin, http_proxy: elsewhere.origin };
    await Bun.spawn([process.execPath, "-e", script], { env, stderr: "inherit" }).exited;
    expect(upstream.requests.length).toBe(1);
    expect(elsewhere.requests.length).toBe(0);
  });
});

/** Sends bytes that the proxy answers itself with this status; nothing reaches the upstream. */
async function refused(bytes: string, status: number): Promise<void> {
  await using upstream = await answerOk();
  await using proxy = proxyTo(upstream.origin);
  using client = await rawClient(proxy.port);
  client.write(bytes);
  expect(await client.until("\r\n\r\n")).toStartWith(`HTTP/1.1 ${status} `);
  expect(upstream.requests).toEqual([]);
}

/** An observer that keeps what it learns about bodies. */
function noting(): { changes: BodyChange[]; observer: Observer } {
  const changes: BodyChange[] = [];
  const observation = {
    ...NOBODY.begin({} as ClientRequest),
    rewritten: (change: BodyChange) => void changes.push(change),
  };
  return { changes, observer: { begin: () => observation, refused() {} } };
}

describe("request bodies", () => {
  test("the length is right after an edit, shorter or longer", async () => {
    for (const text of ["", "x", "x".repeat(100_000)]) {
      await using upstream = await answerOk();
      await using proxy = proxyTo(upstream.origin, {
        repair: () => ({ body: new TextEncoder().encode(text), notes: [], facts: {} }),
      });
      await (await fetch(`${proxy.url}/v1/messages`, { method: "POST", body: "some body" })).text();
      expect(upstream.requests[0]?.header("content-length")).toBe(String(text.length));
      expect(upstream.requests[0]?.body.toString()).toBe(text);
    }
  });

  test("a body in chunks arrives whole and with its length", async () => {
    const arrived = await forwarded(
      "POST /x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    expect(arrived.body.toString()).toBe("abcde");
    expect(arrived.header("content-length")).toBe("5");
    expect(arrived.header("transfer-encoding")).toBeUndefined();
  });

  test("two equal lengths count as one, different ones are refused", async () => {
    const arrived = await forwarded(
      "POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    );
    expect(arrived.body.toString()).toBe("hello");
    expect(arrived.lines.filter((line) => /^content-length:/i.test(line))).toEqual(["Content-Length: 5"]);
    await refused(
      "POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
      400,
    );
  });

  test("what cannot be forwarded whole is refused, not forwarded in part", async () => {
    await refused("GET /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello", 400);
    await refused("CONNECT /x HTTP/1.1\r\nhost: localhost\r\n\r\n", 501);
    await refused("POST /x HTTP/1.1\r\nhost: localhost\r\nexpect: tea\r\ncontent-length: 1\r\n\r\nx", 417);
  });

  test("a body in many tiny chunks takes memory for its bytes, not for its chunks", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin);
    using client = await rawClient(proxy.port);
    client.write("POST /x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    client.write("1\r\nx\r\n".repeat(300_000));
    client.write("0\r\n\r\n");
    await client.until("HTTP/1.1 200 OK");
    expect(upstream.requests[0]?.body.length).toBe(300_000);
  });

  test("a POST without a body stays one", async () => {
    const arrived = await forwarded("POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    expect(arrived.header("content-length")).toBe("0");
  });

  test("a client that waits for 100 Continue gets it, and its body arrives", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin);
    using client = await rawClient(proxy.port);
    client.write("POST /x HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    await client.until("HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hi");
    await client.until("HTTP/1.1 200 OK");
    expect(upstream.requests[0]?.body.toString()).toBe("hi");
    expect(upstream.requests[0]?.header("expect")).toBeUndefined();
  });

  test("a large body arrives byte for byte, with and without an edit", async () => {
    const body = crypto.getRandomValues(new Uint8Array(65_536));
    const large = Buffer.concat(Array.from({ length: 80 }, () => body));
    for (const copies of [false, true]) {
      await using upstream = await answerOk();
      await using proxy = proxyTo(upstream.origin, {
        repair: (bytes) => ({ body: copies ? bytes.slice() : bytes, notes: [], facts: {} }),
      });
      using client = await rawClient(proxy.port);
      client.write(`POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${large.length}\r\n\r\n`);
      client.write(large);
      await client.until("ok");
      expect(upstream.requests.at(-1)?.body.equals(large)).toBe(true);
    }
  });

  test("the path, the headers and the facts go to and come from the rewriting", async () => {
    await using upstream = await answerOk();
    const seen: unknown[] = [];
    await using proxy = proxyTo(`${upstream.origin}/base`, {
      repair: (body, { path, headers }) => {
        seen.push([new TextDecoder().decode(body), path, headers.get("x-a")]);
        return { body, notes: [], facts: {} };
      },
    });
    await fetch(`${proxy.url}/v1/messages?beta=true`, {
      method: "POST",
      body: "{}",
      headers: { "x-a": "1" },
    });
    await fetch(`${proxy.url}/v1/models`);
    expect(seen).toEqual([["{}", "/v1/messages", "1"]]);
  });

  const ENCODINGS: [encoding: string, body: Uint8Array<ArrayBuffer>][] = [
    ["gzip", Bun.gzipSync("plain")],
    ["GZIP", Bun.gzipSync("plain")],
    ["deflate", deflateSync("plain")],
    ["br", brotliCompressSync("plain")],
    ["zstd", zstdCompressSync("plain")],
    ["identity", Buffer.from("plain")],
  ];
  test.each(ENCODINGS)("%s: the plain body is repaired and forwarded", async (encoding, body) => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin, {
      repair: (bytes) => ({ body: Buffer.from(`${Buffer.from(bytes)}er`), notes: [], facts: {} }),
    });
    await fetch(`${proxy.url}/x`, { method: "POST", body, headers: { "content-encoding": encoding } });
    expect(upstream.requests[0]?.body.toString()).toBe("plainer");
    expect(upstream.requests[0]?.header("content-length")).toBe("7");
    if (encoding !== "identity") expect(upstream.requests[0]?.header("content-encoding")).toBeUndefined();
  });

  test.each([
    ["an unknown encoding", "compress", "x"],
    ["two encodings", "gzip, br", "x"],
    ["bytes that are not what they say", "gzip", "not gzip"],
  ])("%s: forwarded unchanged, and the note says so", async (_name, encoding, body) => {
    await using upstream = await answerOk();
    const { changes, observer } = noting();
    await using proxy = proxyTo(upstream.origin, {
      repair: () => ({ body: new Uint8Array(), notes: [], facts: {} }),
      observer,
    });
    await fetch(`${proxy.url}/x`, { method: "POST", body, headers: { "content-encoding": encoding } });
    expect(upstream.requests[0]?.body.toString()).toBe(body);
    expect(upstream.requests[0]?.header("content-encoding")).toBe(encoding);
    const notes = [`forwarded unchanged: the body's encoding is not known (${encoding})`];
    expect(changes).toEqual([{ before: body.length, after: body.length, notes }]);
  });

  test("a body that is larger than the limit when it is plain is refused", async () => {
    await using upstream = await answerOk();
    await using proxy = proxyTo(upstream.origin, { limits: { requestBytes: 100_000 } });
    const body = Bun.gzipSync("x".repeat(1_000_000));
    const answer = await fetch(proxy.url, { method: "POST", body, headers: { "content-encoding": "gzip" } });
    expect(answer.status).toBe(413);
    expect(upstream.requests).toEqual([]);
  });

  test("the observer learns the sizes before and after", async () => {
    await using upstream = await answerOk();
    const { changes, observer } = noting();
    await using proxy = proxyTo(upstream.origin, {
      repair: (body) => ({ body: body.slice(1), notes: ["shorter"], facts: {} }),
      observer,
    });
    await fetch(`${proxy.url}/x`, { method: "POST", body: "abc" });
    expect(changes).toEqual([{ before: 3, after: 2, notes: ["shorter"] }]);
  });
});

describe("answers", () => {
  test.each([
    "200 OK",
    "201 Created",
    "400 Bad Request",
    "404 Not Found",
    "418 I'm a teapot",
    "500 Internal Server Error",
    "503 Service Unavailable",
  ])("%s passes with its body and length", async (status) => {
    const text = await received(
      answerText('{"a": 1}', status, ["content-type: application/json", "x-a: 1"]),
      "1}",
    );
    expect(text).toStartWith(`HTTP/1.1 ${status.slice(0, 3)} `);
    expect(text).toContain("\r\nx-a: 1\r\n");
    expect(text.toLowerCase()).toContain("\r\ncontent-length: 8\r\n");
    expect(text).toEndWith('\r\n\r\n{"a": 1}');
  });

  test.each([301, 302, 303, 307, 308])("a redirect (%d) is the client's to follow", async (status) => {
    const text = await received(
      answerText("", `${status} X`, ["location: http://evil.example/"]),
      "\r\n\r\n",
    );
    expect(text).toStartWith(`HTTP/1.1 ${status} `);
    expect(text).toContain("ocation: http://evil.example/\r\n");
  });

  test("compressed answers pass as they are", async () => {
    const zipped = Bun.gzipSync("hello");
    await using upstream = await startUpstream((connection) => {
      connection.write(
        `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\ncontent-length: ${zipped.length}\r\n\r\n`,
      );
      connection.write(zipped);
    });
    await using proxy = proxyTo(upstream.origin);
    const answer = await fetch(proxy.url, { decompress: false });
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(await answer.bytes()).toEqual(new Uint8Array(zipped));
  });

  test("the answer to HEAD has the length of what it does not send", async () => {
    const text = await received(
      "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 55\r\n\r\n",
      "\r\n\r\n",
      "HEAD /x",
    );
    expect(text.toLowerCase()).toContain("\r\ncontent-length: 55\r\n");
    expect(text).toEndWith("\r\n\r\n");
  });

  test("204 and 304 have no body and keep their headers", async () => {
    const none = await received("HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n", "\r\n\r\n");
    expect(none).toStartWith("HTTP/1.1 204 ");
    expect(none).toContain("x-a: 1");
    const unchanged = await received('HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n', "\r\n\r\n");
    expect(unchanged).toStartWith("HTTP/1.1 304 ");
    expect(unchanged).toContain('ETag: "a"');
  });

  test("cookies stay apart, hop-by-hop headers end here, no type is invented", async () => {
    const text = await received(
      "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\ncontent-length: 2\r\n\r\nok",
      "ok",
    );
    expect(text.match(/set-cookie: \w=\d/gi)).toHaveLength(2);
    expect(text.toLowerCase()).not.toMatch(/x-hop|keep-alive|content-type/);
  });

  test("the upstream's Date stays, and stays the only one", async () => {
    const date = "Mon, 01 Jan 2001 00:00:00 GMT";
    const text = await received(answerText("ok", "200 OK", ["content-type: a/b", `date: ${date}`]), "ok");
    expect(text.match(/date: .*/gi)).toEqual([`Date: ${date}`]);
  });

  test("interim answers and trailers are dropped", async () => {
    const text = await received(
      `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${chunkedHead(["trailer: x-sum", "x-a: 1"])}${chunkOf("abc")}0\r\nx-sum: 1\r\n\r\n`,
      "abc",
    );
    expect(text).toStartWith("HTTP/1.1 200 ");
    expect(text.toLowerCase()).not.toMatch(/x-sum|link: x/);
  });

  test("an answer that is ended by the end of its connection is complete", async () => {
    await using upstream = await startUpstream((connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: a/b\r\n\r\nall of it");
      connection.end();
    });
    await using proxy = proxyTo(upstream.origin);
    expect(await (await fetch(proxy.url)).text()).toBe("all of it");
  });

  test("a transfer coding that fetch leaves in place becomes a 502", async () => {
    await using upstream = await startUpstream((connection) =>
      connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    );
    await using proxy = proxyTo(upstream.origin);
    const answer = await fetch(proxy.url);
    expect(answer.status).toBe(502);
    expect(await ownError(answer)).toContain("transfer-encoding is not supported");
  });

  test("a status that HTTP does not have becomes a 502", async () => {
    await using upstream = await startUpstream((connection) => connection.write(answerText("x", "999 Odd")));
    await using proxy = proxyTo(upstream.origin);
    const answer = await fetch(proxy.url);
    expect(answer.status).toBe(502);
    expect(await ownError(answer)).toContain("HTTP has no status 999");
  });
});

describe("a length that is known", () => {
  test("is kept when the bytes take their time", async () => {
    await using upstream = await startUpstream(async (connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n{");
      await connection.drained();
      setTimeout(() => connection.write('"a":1}'.slice(0, 5)), 1);
    });
    await using proxy = proxyTo(upstream.origin, { limits: { heldMs: 60_000 } });
    using client = await request(proxy.port, "GET /x");
    expect((await client.until('{"a":1')).toLowerCase()).toContain("content-length: 6\r\n");
  });

  test("is given up when they take too long, and no byte is lost", async () => {
    const rest = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nfirst");
      await rest.promise;
      connection.write("later");
    });
    await using proxy = proxyTo(upstream.origin, { limits: { heldMs: 1 } });
    using client = await request(proxy.port, "GET /x");
    await client.until("first");
    rest.resolve();
    expect(unchunked(await client.until("0\r\n\r\n"))).toBe("firstlater");
  });

  test("is given up for a large answer, which is not held", async () => {
    const rest = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nfirst");
      await rest.promise;
      connection.write("later");
    });
    await using proxy = proxyTo(upstream.origin, { limits: { heldBytes: 9, heldMs: 60_000 } });
    using client = await request(proxy.port, "GET /x");
    await client.until("first");
    rest.resolve();
    expect(unchunked(await client.until("0\r\n\r\n"))).toBe("firstlater");
  });
});

describe("streaming", () => {
  test("each chunk is with the client before the upstream sends the next", async () => {
    const next: (() => void)[] = [];
    await using upstream = await startUpstream((connection) => {
      connection.write(chunkedHead());
      for (let i = 0; i < 5; i++) next.push(() => connection.write(chunkOf(`data: ${i}\n\n`)));
      next.push(() => connection.write("0\r\n\r\n"));
      next.shift()?.();
    });
    await using proxy = proxyTo(upstream.origin);
    using client = await request(proxy.port, "GET /x");
    for (let i = 0; i < 5; i++) {
      await client.until(`data: ${i}\n\n`);
      next.shift()?.();
    }
    expect(unchunked(await client.until("\r\n0\r\n\r\n"))).toBe(
      "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n",
    );
  });

  test("however the bytes are cut, the client gets the same", async () => {
    const first = Number(process.env.CACHE_PROXY_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const text = 'event: a\r\ndata: {"text":"\u00fcber \u{1f600}\u200b"}\r\n\r\n'.repeat(20);
    for (let seed = first; seed < first + 20; seed++) {
      const random = seeded(seed);
      const bytes = Buffer.from(text);
      await using upstream = await startUpstream(async (connection) => {
        connection.write(chunkedHead());
        for (let at = 0; at < bytes.length; ) {
          const piece = bytes.subarray(at, at + 1 + random.below(random.pick([1, 7, 200])));
          connection.write(
            Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]),
          );
          if (random.chance(0.1)) await connection.drained();
          at += piece.length;
        }
        connection.write("0\r\n\r\n");
      });
      await using proxy = proxyTo(upstream.origin);
      expect({ seed, text: await (await fetch(proxy.url)).text() }).toEqual({ seed, text });
    }
  });
});
