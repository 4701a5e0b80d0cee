import { afterEach, describe, expect, test } from "bun:test";
import { CONVERSATION_HEADER } from "../../src/request/conversation.ts";
import { factsOf } from "../../src/upstream/props.ts";
import { Upstream, type UpstreamTimes } from "../../src/upstream/upstream.ts";
import { freePort } from "../support/port.ts";

const PROPS = { total_slots: 1, chat_template: "lenient", build_info: "b1", model_path: "/a.gguf" };
const STRICT = { ...PROPS, chat_template: "{{ raise_exception('roles must alternate') }}" };
/** Long enough that nothing gets old in a test, and the other way round. */
const NEVER = 2 ** 30;

type Answers = (request: Request) => Response | Promise<Response>;

const servers: { stop(force: boolean): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

function serve(fetch: Answers, port = 0): number {
  const server = Bun.serve({ port, hostname: "127.0.0.1", fetch });
  servers.push(server);
  return server.port as number;
}

function upstreamAt(port: number, times: Partial<UpstreamTimes> = {}, basePath = ""): Upstream {
  return new Upstream({ origin: `http://127.0.0.1:${port}`, basePath }, times);
}

const upstreamThat = (answers: Answers, times: Partial<UpstreamTimes> = {}, basePath = "") =>
  upstreamAt(serve(answers), times, basePath);

describe("probing", () => {
  test("goes below the base path", async () => {
    const answers: Answers = ({ url }) =>
      new URL(url).pathname === "/llama/props" ? Response.json(PROPS) : new Response("", { status: 404 });
    expect(await upstreamThat(answers, {}, "/llama").probe()).toEqual({ facts: factsOf(PROPS)! });
  });

  test.each([
    ["no /props", 404, "not found"],
    ["a model that is still loading", 503, '{"error":{"code":503}}'],
    ["another server", 200, "<html>"],
    ["other JSON", 200, "[]"],
  ])("%s is known by its status", async (_, status, body) => {
    expect(await upstreamThat(() => new Response(body, { status })).probe()).toEqual({ status });
  });

  test("a redirect is an answer and is not followed", async () => {
    const upstream = upstreamThat(({ url }) => Response.redirect(new URL("/elsewhere", url).href, 302));
    expect(await upstream.probe()).toEqual({ status: 302 });
  });

  test("no server, no answer: the cause, never a throw", async () => {
    expect(await upstreamAt(await freePort()).probe()).toEqual({ cause: "connection refused" });
    const silent = upstreamThat(() => new Promise<Response>(() => {}), { timeoutMs: 50 });
    expect(await silent.probe()).toEqual({ cause: "no answer in time" });
  });

  test("an endless answer is given up", async () => {
    let sent = 0;
    const endless = upstreamThat(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              sent += 2 ** 16;
              controller.enqueue(new Uint8Array(2 ** 16));
            },
          }),
        ),
    );
    expect(await endless.probe()).toEqual({ status: 200 });
    expect(sent).toBeLessThan(32 * 2 ** 20);
  });
});

describe("facts", () => {
  test("are asked once while they are fresh, by however many requests", async () => {
    let asked = 0;
    const upstream = upstreamThat(
      () => {
        asked++;
        return Response.json(STRICT);
      },
      { freshMs: NEVER },
    );
    const all = await Promise.all([upstream.facts(), upstream.facts(), upstream.facts()]);
    expect(all.map(({ strictAlternation }) => strictAlternation)).toEqual([true, true, true]);
    await upstream.facts();
    expect(asked).toBe(1);
  });

  test("of another model on the same port are read when the old ones have their age", async () => {
    let props: object = PROPS;
    const upstream = upstreamThat(() => Response.json(props), { freshMs: 0 });
    expect((await upstream.facts()).strictAlternation).toBe(false);
    props = STRICT;
    expect((await upstream.facts()).strictAlternation).toBe(true);
  });

  test.each<[string, (upstream: Upstream) => void]>([
    ["a lost connection", (upstream) => upstream.noteLost()],
    ["a 5xx", (upstream) => upstream.noteStatus(500)],
  ])("are read again after %s", async (_, note) => {
    let props: object = PROPS;
    const upstream = upstreamThat(() => Response.json(props), { freshMs: NEVER });
    await upstream.facts();
    props = STRICT;
    upstream.noteStatus(404);
    expect((await upstream.facts()).strictAlternation).toBe(false);
    note(upstream);
    expect((await upstream.facts()).strictAlternation).toBe(true);
  });

  test("that do not come in time cost a request waitMs at most, and a later one nothing", async () => {
    const upstream = upstreamThat(() => new Promise<Response>(() => {}), { waitMs: 20, timeoutMs: NEVER });
    expect((await upstream.facts()).strictAlternation).toBe(false);
    const again = upstream.facts();
    expect(await Promise.race([again.then(() => "at once"), Bun.sleep(10).then(() => "late")])).toBe(
      "at once",
    );
  });

  test("stay as they were while the server does not answer", async () => {
    let isSilent = false;
    const upstream = upstreamThat(
      () => (isSilent ? new Promise<Response>(() => {}) : Response.json(STRICT)),
      { freshMs: 0, waitMs: 5 },
    );
    await upstream.probe();
    isSilent = true;
    expect((await upstream.facts()).strictAlternation).toBe(true);
  });

  test("of a server with an API key are asked with the client's own, and a 401 is not remembered", async () => {
    const upstream = upstreamThat(
      ({ headers }) =>
        headers.get("x-api-key") === "secret"
          ? Response.json(STRICT)
          : Response.json({ error: { code: 401 } }, { status: 401 }),
      { freshMs: NEVER },
    );
    expect((await upstream.facts()).strictAlternation).toBe(false);
    upstream.noteCredentials(new Headers({ "x-api-key": "secret", cookie: "mine" }));
    expect((await upstream.facts()).strictAlternation).toBe(true);
  });

  test("of a router's models are asked by name, without loading one", async () => {
    const seen: string[] = [];
    const upstream = upstreamThat(({ url }) => {
      const { pathname, searchParams } = new URL(url);
      seen.push(`${pathname} ${searchParams}`);
      if (!searchParams.has("model")) return Response.json({ role: "router" });
      return Response.json(searchParams.get("model") === "strict" ? STRICT : PROPS);
    });
    expect((await upstream.facts({ model: "strict" })).strictAlternation).toBe(true);
    expect((await upstream.facts({ model: "lenient" })).strictAlternation).toBe(false);
    expect(seen).toContain("/props model=strict&autoload=false");
  });

  test("of a router's model are its own right after a probe, which names none", async () => {
    const upstream = upstreamThat(({ url }) =>
      Response.json(new URL(url).searchParams.has("model") ? STRICT : { ...PROPS, role: "router" }),
    );
    await upstream.probe();
    expect((await upstream.facts({ model: "strict" })).strictAlternation).toBe(true);
  });

  test("of a server in llama-swap are asked where the request goes", async () => {
    const upstream = upstreamThat(({ url }) =>
      new URL(url).pathname === "/upstream/strict/props"
        ? Response.json(STRICT)
        : new Response("", { status: 404 }),
    );
    expect((await upstream.facts({ prefix: "/upstream/strict", model: "m" })).strictAlternation).toBe(true);
    expect((await upstream.facts({ model: "m" })).strictAlternation).toBe(false);
  });
});

describe("facts after llama-swap", () => {
  const swap = (running: readonly object[], seen: string[] = []) =>
    upstreamThat(({ url }) => {
      const { pathname } = new URL(url);
      seen.push(pathname);
      if (pathname === "/running") return Response.json({ running });
      if (pathname === "/upstream/org%2Fstrict/props") return Response.json(STRICT);
      if (pathname === "/upstream/lenient/props") return Response.json(PROPS);
      return new Response("404 page not found", { status: 404 });
    });
  const RUNNING = [
    { model: "org/strict", state: "ready" },
    { model: "lenient", state: "ready" },
    { model: "late", state: "starting" },
  ];

  test("are those of the model that the body names", async () => {
    const upstream = swap(RUNNING);
    expect((await upstream.facts({ model: "org/strict" })).strictAlternation).toBe(true);
    expect((await upstream.facts({ model: "lenient" })).strictAlternation).toBe(false);
    expect((await upstream.facts({ model: "org/strict" })).strictAlternation).toBe(true);
  });

  test("are those of the model right after a probe, which names none", async () => {
    const upstream = swap(RUNNING);
    expect(await upstream.probe()).toEqual({ status: 404 });
    expect((await upstream.facts({ model: "org/strict" })).strictAlternation).toBe(true);
  });

  test("are not asked of a model that does not run: the question would load it", async () => {
    const seen: string[] = [];
    const upstream = swap(RUNNING, seen);
    await upstream.facts({ model: "late" });
    await upstream.facts({ model: "other" });
    expect(seen.filter((path) => path.startsWith("/upstream/"))).toEqual([]);
  });
});

describe("lost and back", () => {
  test("are said once each, when the server is gone and when it answers again", async () => {
    const port = await freePort();
    const upstream = upstreamAt(port);
    const said: string[] = [];
    upstream.on("lost", () => said.push("lost"));
    upstream.on("back", () => said.push("back"));
    upstream.noteLost();
    upstream.noteLost();
    await upstream.facts();
    expect(said).toEqual(["lost"]);
    serve(() => Response.json(PROPS), port);
    await upstream.facts();
    await upstream.facts();
    expect(said).toEqual(["lost", "back"]);
  });

  test("another server on the same port is back too", async () => {
    let props: object = PROPS;
    const upstream = upstreamThat(() => Response.json(props), { freshMs: 0 });
    let back = 0;
    upstream.on("back", () => back++);
    await upstream.facts();
    await upstream.facts();
    expect(back).toBe(0);
    props = { ...PROPS, build_info: "b2" };
    await upstream.facts();
    expect(back).toBe(1);
  });
});

describe("slots", () => {
  const SLOT = {
    is_processing: true,
    id_task: 5,
    n_prompt_tokens_processed: 5632,
    n_prompt_tokens_cache: 100,
    next_token: [{ n_decoded: 0 }],
  };

  test("are asked below the base path", async () => {
    const answers: Answers = ({ url }) =>
      new URL(url).pathname === "/base/slots" ? Response.json([SLOT]) : new Response("", { status: 404 });
    const upstream = upstreamThat(answers, {}, "/base");
    expect(await upstream.slots(AbortSignal.timeout(5000))).toEqual([
      { task: 5, cached: 100, evaluated: 5632 },
    ]);
  });

  test.each([404, 501, 401, 302])("are unknown where the answer is %d", async (status) => {
    const upstream = upstreamThat(() => new Response("no", { status, headers: { location: "/elsewhere" } }));
    expect(await upstream.slots(AbortSignal.timeout(5000))).toBeUndefined();
  });

  test("are unknown where a page comes in place of JSON", async () => {
    expect(await upstreamThat(() => new Response("<html>")).slots(AbortSignal.timeout(5000))).toBeUndefined();
  });

  test("no answer at all is an error", async () => {
    const upstream = upstreamAt(await freePort());
    expect(upstream.slots(AbortSignal.timeout(5000))).rejects.toThrow();
  });
});

describe("watching", () => {
  test("notices a server that is gone, one that loads its model, and one that is back", async () => {
    const events: string[] = [];
    const port = await freePort();
    const upstream = upstreamAt(port);
    upstream.on("lost", () => events.push("lost"));
    upstream.on("back", () => events.push("back"));
    await upstream.watch();
    await upstream.watch();
    expect(events).toEqual(["lost"]);
    let isLoading = true;
    serve(() => (isLoading ? new Response("", { status: 503 }) : Response.json(PROPS)), port);
    await upstream.watch();
    expect(events).toEqual(["lost"]);
    isLoading = false;
    expect(await upstream.watch()).toBe(true);
    await upstream.watch();
    expect(events).toEqual(["lost", "back"]);
  });
});

test("watching makes no sense for another kind of server", async () => {
  const watches = await Promise.all(
    [404, 200, 503].map((status) => upstreamThat(() => new Response("", { status })).watch()),
  );
  expect(watches).toEqual([false, false, true]);
});

describe("a request of our own", () => {
  test("goes below the base path, with the last client's key", async () => {
    const received: string[] = [];
    const answers: Answers = async (request) => {
      const { pathname, search } = new URL(request.url);
      const header = (name: string): string => request.headers.get(name) ?? "";
      received.push(
        pathname + search,
        header("x-api-key"),
        header(CONVERSATION_HEADER),
        await request.text(),
      );
      return new Response("fine");
    };
    const upstream = upstreamThat(answers, {}, "/llama");
    upstream.noteCredentials(new Headers({ "x-api-key": "k" }));
    const answer = await upstream.send(
      { target: "/v1/messages?beta=true", body: Buffer.from("{}"), conversation: "c1" },
      new AbortController().signal,
    );
    expect(await answer.text()).toBe("fine");
    expect(received).toEqual(["/llama/v1/messages?beta=true", "k", "c1", "{}"]);
  });

  test("asks for a rendered prompt", async () => {
    const answers: Answers = async (request) => Response.json({ prompt: await request.text() });
    const question = { messages: [] };
    const { signal } = new AbortController();
    expect(await upstreamThat(answers).rendered(question, {}, signal)).toBe(JSON.stringify(question));
    expect(await upstreamThat(() => Response.json({})).rendered(question, {}, signal)).toBeUndefined();
    const missing = upstreamThat(() => new Response("", { status: 404 }));
    expect(await missing.rendered(question, {}, signal)).toBeUndefined();
  });
});
