import { afterEach, describe, expect, test } from "bun:test";
import { Replicas } from "../../src/upstream/replicas.ts";
import { Upstream } from "../../src/upstream/upstream.ts";

const STRICT = "{{ raise_exception('roles must alternate') }}";
/** Long enough that nothing gets old in a test. */
const TIMES = { freshMs: 2 ** 30, waitMs: 10_000, timeoutMs: 10_000 };

const servers: { stop(force: boolean): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

describe("the server of a conversation", () => {
  const servedBy = (name: string, header = "x-served-by") => new Headers({ [header]: name });

  test("is the one that answered it last", () => {
    const replicas = new Replicas();
    replicas.note("c1", servedBy("llama1"));
    replicas.note("c2", servedBy("10.0.0.2:8080"));
    replicas.note("c1", servedBy("llama2"));
    expect([replicas.of("c1"), replicas.of("c2"), replicas.of("c3"), replicas.of(undefined)]).toEqual([
      "llama2",
      "10.0.0.2:8080",
      undefined,
      undefined,
    ]);
    expect(replicas.names).toEqual(["llama1", "10.0.0.2:8080", "llama2"]);
  });

  test("is unknown where the balancer does not name it, or not fit to be a name", () => {
    const replicas = new Replicas();
    replicas.note("c1", new Headers());
    replicas.note("c1", servedBy("<b>llama</b>"));
    replicas.note("c1", servedBy("x".repeat(200)));
    expect([replicas.of("c1"), ...replicas.names]).toEqual([undefined]);
  });

  test("is named in the header that the user chose", () => {
    const replicas = new Replicas("X-Backend");
    replicas.note("c1", servedBy("llama1", "x-backend"));
    replicas.note("c2", servedBy("llama2"));
    expect(replicas.names).toEqual(["llama1"]);
  });

  test("is remembered for the 4096 conversations that were answered last", () => {
    const replicas = new Replicas();
    for (let at = 0; at <= 4_096; at++) replicas.note(`c${at}`, servedBy("llama1"));
    expect([replicas.of("c0"), replicas.of("c1"), replicas.of("c4096")]).toEqual([
      undefined,
      "llama1",
      "llama1",
    ]);
  });
});

describe("facts after a balancer", () => {
  test("are those of the conversation's own server", async () => {
    const { upstream, asked } = balancer({ c1: "llama1", c2: "llama2", c3: "llama1" });
    expect((await upstream.facts({ conversation: "c1" })).strictAlternation).toBe(false);
    upstream.replicas.note("c2", new Headers({ "x-served-by": "llama2" }));
    upstream.replicas.note("c3", new Headers({ "x-served-by": "llama1" }));
    expect((await upstream.facts({ conversation: "c2" })).strictAlternation).toBe(true);
    expect((await upstream.facts({ conversation: "c3" })).strictAlternation).toBe(false);
    expect(asked).toEqual(["c1", "c2"]);
  });

  test("of a server that was not asked before are not those of a new server process", async () => {
    const { upstream } = balancer({ c1: "llama1", c2: "llama2" });
    let back = 0;
    upstream.on("back", () => back++);
    await upstream.facts({ conversation: "c1" });
    upstream.replicas.note("c2", new Headers({ "x-served-by": "llama2" }));
    await upstream.facts({ conversation: "c2" });
    await upstream.facts({ conversation: "c1" });
    expect(back).toBe(0);
  });

  test("are taken for equal where the balancer does not name its servers", async () => {
    const { upstream, asked } = balancer({});
    await upstream.facts({ conversation: "c1" });
    await upstream.facts({ conversation: "c2" });
    expect(asked).toEqual(["c1"]);
    expect(upstream.replicas.names).toEqual([]);
  });

  test("do not include slots: the question would reach any server", async () => {
    const { upstream } = balancer({});
    const { signal } = new AbortController();
    expect(await upstream.slots(signal)).toEqual([]);
    for (const name of ["llama1", "llama2"])
      upstream.replicas.note(undefined, new Headers({ "x-served-by": name }));
    expect(await upstream.slots(signal)).toBeUndefined();
  });
});

// --- internal ---

/** A balancer whose `llama2` has a strict chat template. Without a server for a conversation it names none. */
function balancer(placed: Readonly<Record<string, string>>): { upstream: Upstream; asked: string[] } {
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ url, headers }) {
      if (url.endsWith("/slots")) return Response.json([]);
      const conversation = headers.get("x-cache-proxy-conversation") ?? "";
      asked.push(conversation);
      const name = placed[conversation];
      const props = { total_slots: 1, chat_template: name === "llama2" ? STRICT : "lenient" };
      return Response.json(props, { headers: name ? { "x-served-by": name } : {} });
    },
  });
  servers.push(server);
  return {
    upstream: new Upstream({ origin: `http://127.0.0.1:${server.port}`, basePath: "" }, TIMES),
    asked,
  };
}
