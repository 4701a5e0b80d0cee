import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Failures } from "../../src/report/failures.ts";
import { Report } from "../../src/report/report.ts";
import type { Observation } from "../../src/request/observer.ts";
import { describe as described, readHead } from "../../src/request/request.ts";
import { formatSummary } from "../../src/terminal/summary.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { Web } from "../../src/web/web.ts";

let report: Report;
let web: Web;
let server: ReturnType<typeof Bun.serve>;

beforeEach(() => {
  const upstream = new Upstream({ origin: "http://127.0.0.1:1", basePath: "" });
  report = new Report({ upstream, failures: new Failures(), progressWanted: () => false });
  web = new Web(report, {
    instance: "this-run",
    version: "1.2.3",
    system_turns: "fold",
    tools: "stable",
    upstream: "http://localhost:8080",
    stays: true,
  });
  report.listen(web);
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: ({ method, url }) => web.own(method, new URL(url).pathname) ?? new Response("upstream"),
  });
});

afterEach(async () => {
  web.close();
  report.close();
  await server.stop(true);
});

function get(path: string, init?: RequestInit): Promise<Response> {
  return fetch(new URL(path, server.url), init);
}

/** A request that has been sent to the upstream. */
function sent(): Observation {
  const headers = new Headers({ "x-claude-code-session-id": "s1", authorization: "Bearer secret-key" });
  const head = readHead("POST", "/v1/messages", headers, performance.now());
  const observation = report.observer.begin(described(head, { model: "/home/me/secret.gguf" }, 9));
  observation.sent();
  return observation;
}

function finish(observation: Observation): void {
  observation.answered(200, new Headers({ "content-type": "application/json" }));
  observation.chunk(
    Buffer.from('{"content":"secret words","usage":{"input_tokens":5,"cache_read_input_tokens":95}}'),
  );
  observation.end("complete");
}

describe("the page", () => {
  test("and all its files are below /cache-proxy/ and need nothing from elsewhere", async () => {
    const page = await get("/cache-proxy/");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name!);
    const own = files.filter((name) => !name.startsWith("data:"));
    expect(own.length).toBe(2);
    for (const name of own) {
      const url = new URL(name, new URL("/cache-proxy/", server.url));
      expect(url.href).toStartWith(new URL("/cache-proxy/", server.url).href);
      const file = await fetch(url);
      expect(file.status).toBe(200);
      expect(file.headers.get("content-type")).toMatch(
        name.endsWith(".css") ? /^text\/css/ : /^text\/javascript/,
      );
      expect(await file.text()).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
    }
  });

  test("may load only its own files", async () => {
    const page = await get("/cache-proxy/");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  });
});

describe("paths", () => {
  const upstreams = [
    "/",
    "/cache-proxyx/",
    "/chunk-abc.js",
    "/_bun/client/x.js",
    "/metrics",
    "/x/cache-proxy/",
  ];
  test.each(upstreams)("%s belongs to the upstream", async (path) =>
    expect(await (await get(path)).text()).toBe("upstream"),
  );

  test("an unknown path is a 404 and never reaches the upstream", async () => {
    for (const name of ["nope", "index.html", "page.ts", "..%2fetc", "metrics/"]) {
      const answer = await get(`/cache-proxy/${name}`);
      expect({ name, status: answer.status }).toEqual({ name, status: 404 });
    }
  });

  test("only GET and HEAD are allowed", async () => {
    const answer = await get("/cache-proxy/metrics", { method: "POST" });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("HEAD has no body", async () => {
    for (const name of ["", "metrics", "stats.json", "health", "events"]) {
      const answer = await get(`/cache-proxy/${name}`, { method: "HEAD" });
      expect({ name, status: answer.status, body: await answer.text() }).toEqual({
        name,
        status: 200,
        body: "",
      });
    }
  });

  test("HEAD has the length and the type of GET", async () => {
    for (const name of ["", "health"]) {
      const [head, whole] = [
        await get(`/cache-proxy/${name}`, { method: "HEAD" }),
        await get(`/cache-proxy/${name}`),
      ];
      expect(head.headers.get("content-type")).toBe(whole.headers.get("content-type"));
      expect(head.headers.get("content-length")).toBe(String((await whole.bytes()).length));
    }
  });
});

test("health names this run", async () => {
  expect(await (await get("/cache-proxy/health")).json()).toEqual({
    status: "ok",
    instance: "this-run",
    version: "1.2.3",
    system_turns: "fold",
    tools: "stable",
    upstream: "http://localhost:8080",
    stays: true,
  });
});

test("stats.json has the running and the finished requests", async () => {
  finish(sent());
  sent();
  const stats = await (await get("/cache-proxy/stats.json")).json();
  expect(stats.totals).toMatchObject({
    requests: 1,
    prompt_tokens: 100,
    cached_tokens: 95,
    evaluated_tokens: 5,
  });
  expect(stats.requests).toMatchObject([{ id: 1, session: "s1", model: "secret.gguf", cached_tokens: 95 }]);
  expect(stats.running).toMatchObject([{ id: 2, state: "waiting" }]);
});

test("no key, prompt text or folder is shown anywhere", async () => {
  finish(sent());
  const shown = await Promise.all(
    ["metrics", "stats.json"].map(async (name) => (await get(`/cache-proxy/${name}`)).text()),
  );
  expect([...shown, formatSummary(report.totals, report.costliest.list())].join()).not.toMatch(
    /secret-key|secret words|home/,
  );
});

test("metrics have the content type of Prometheus's text format", async () => {
  finish(sent());
  const answer = await get("/cache-proxy/metrics");
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await answer.text()).toContain("\ncache_proxy_cached_prompt_tokens_total 95\n");
});

describe("events", () => {
  type Event = { name: string; data: unknown };

  /** Yields the events of a connection. */
  async function* events(answer: Response): AsyncGenerator<Event> {
    let text = "";
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        text = text.slice(end + 2);
        if (name) yield { name, data: JSON.parse(data!) };
      }
    }
  }

  test("start with everything and continue with what happens", async () => {
    finish(sent());
    const answer = await get("/cache-proxy/events");
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const stream = events(answer);
    const next = async (): Promise<Event> => (await stream.next()).value as Event;
    expect(await next()).toMatchObject({
      name: "snapshot",
      data: { totals: { requests: 1 }, requests: [{ id: 1 }], running: [] },
    });
    const observation = sent();
    expect(await next()).toMatchObject({ name: "running", data: [{ id: 2, state: "waiting" }] });
    finish(observation);
    expect(await next()).toMatchObject({
      name: "request",
      data: { record: { id: 2 }, totals: { requests: 2 } },
    });
    expect(await next()).toMatchObject({ name: "running", data: [] });
  });

  test("end when the web part is closed, so that a server can stop", async () => {
    const answer = await get("/cache-proxy/events");
    const stream = events(answer);
    await stream.next();
    web.close();
    expect((await stream.next()).done).toBe(true);
  });

  test("closed pages are forgotten, and the number of open pages is limited", async () => {
    const connect = async (): Promise<[Response, AbortController]> => {
      const abort = new AbortController();
      return [await get("/cache-proxy/events", { signal: abort.signal }), abort];
    };
    const pages = await Promise.all(Array.from({ length: 32 }, connect));
    expect((await connect())[0].status).toBe(503);
    for (const [, abort] of pages) abort.abort();
    let status = 503;
    for (let tries = 0; status === 503 && tries < 500; tries++) {
      await Bun.sleep(5);
      const [answer, abort] = await connect();
      status = answer.status;
      abort.abort();
    }
    expect(status).toBe(200);
  });
});

test("the address without its slash leads to the page", async () => {
  const answer = await get("/cache-proxy", { redirect: "manual" });
  expect(answer.status).toBe(308);
  expect(answer.headers.get("location")).toBe("/cache-proxy/");
});

test("a request can be looked at next to the one before, without a word of it", async () => {
  const body = (text: string) => Buffer.from(JSON.stringify({ messages: [{ role: "user", content: text }] }));
  const observation = sent();
  observation.sending?.("/v1/messages", body("secret words"));
  finish(observation);
  const answer = await get("/cache-proxy/requests/1");
  const text = await answer.text();
  expect(JSON.parse(text)).toMatchObject({
    record: { id: 1, prompt_tokens: 100 },
    sections: [{ name: "message 1 user text", bytes: 12, equal: false }],
  });
  expect(text).not.toContain("secret words");
  for (const id of ["2", "x", "", "1/2"]) expect((await get(`/cache-proxy/requests/${id}`)).status).toBe(404);
});
