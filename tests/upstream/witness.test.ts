import { expect, test } from "bun:test";
import { Upstream } from "../../src/upstream/upstream.ts";
import { Witness } from "../../src/upstream/witness.ts";

/** What a fake llama-server answers; tests change it. */
interface State {
  starts?: readonly number[];
  total?: number;
  task?: number;
  model: string;
  build: string;
  sleeping?: boolean;
}

function serve(state: State) {
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      if (pathname === "/metrics")
        return metrics(state, asked.filter((path) => path === "/metrics").length - 1);
      if (pathname === "/slots") return Response.json([{ id_task: state.task, is_processing: false }]);
      const { model, build, sleeping } = state;
      return Response.json({
        total_slots: 1,
        model_alias: model,
        build_info: build,
        chat_template: "",
        is_sleeping: sleeping,
      });
    },
  });
  const upstream = new Upstream({ origin: `http://127.0.0.1:${server.port}`, basePath: "" }, { freshMs: 0 });
  const witness = new Witness(upstream);
  return { upstream, witness, asked, [Symbol.asyncDispose]: () => server.stop(true) };
}

function metrics({ starts, total }: State, asked: number): Response {
  if (!starts) return new Response("off", { status: 501 });
  const headers = { "process-start-time-unix": String(starts[asked % starts.length]) };
  return new Response(total === undefined ? "" : `llamacpp:prompt_tokens_total ${total}\n`, { headers });
}

/** One request of this proxy, and the reading after it. */
async function served(witness: Witness, evaluated = 100): Promise<void> {
  witness.sent();
  witness.ended(evaluated);
  await witness.testify(0);
}

const STATE: State = { starts: [1000], total: 100, task: 7, model: "qwen", build: "b1" };

test("nothing happened to a server that answers as before", async () => {
  await using given = serve({ ...STATE });
  await served(given.witness);
  expect(await given.witness.testify(performance.now())).toMatchObject({
    ...{ restarted: false, modelLoaded: false, slept: false, replica: false, isSame: true },
    ...{ foreignTokens: 0, hasOneModel: true },
  });
});

test.each<[string, Partial<State>, object]>([
  ["a later start is a restart", { starts: [1010] }, { restarted: true, replica: false, isSame: false }],
  ["an earlier start is another server", { starts: [990] }, { replica: true, isSame: false }],
  ["several starts are several servers", { starts: [1000, 1010] }, { replica: true }],
  ["another model is named", { starts: [1010], model: "llama" }, { modelLoaded: true }],
  ["another build is a restart", { build: "b2" }, { restarted: true, modelLoaded: false }],
  ["tokens of others are counted", { total: 5_100 }, { foreignTokens: 5_000, restarted: false }],
])("%s", async (_, change, expected) => {
  const state = { ...STATE };
  await using given = serve(state);
  const before = performance.now();
  await served(given.witness);
  Object.assign(state, change);
  expect(await given.witness.testify(before)).toMatchObject(expected);
  // What happened before a moment is of no interest after it.
  expect(await given.witness.testify(performance.now())).toMatchObject({
    restarted: false,
    modelLoaded: false,
  });
});

test("without /metrics the tasks show a restart", async () => {
  const { starts: _, ...rest } = STATE;
  const state: State = rest;
  await using given = serve(state);
  const before = performance.now();
  await served(given.witness);
  expect(await given.witness.testify(before)).toMatchObject({ restarted: undefined, isSame: undefined });
  state.task = 2;
  expect(await given.witness.testify(before)).toMatchObject({ restarted: true });
});

test.each<[string, State, readonly string[]]>([
  ["a server with /metrics is not asked again after a request", STATE, []],
  ["without /metrics it is asked for its tasks", { model: "qwen", build: "b1", task: 7 }, ["/slots"]],
  ["a server that shows neither is not asked again", { model: "qwen", build: "b1" }, []],
])("%s", async (_, state, expected) => {
  await using given = serve(state);
  await served(given.witness);
  const before = given.asked.length;
  given.witness.ended(10);
  await Bun.sleep(50);
  expect(given.asked.slice(before)).toEqual([...expected]);
});

test("without any answer a lost connection is a restart", async () => {
  await using given = serve({ model: "qwen", build: "b1" });
  const before = performance.now();
  given.upstream.noteLost();
  expect(await given.witness.testify(before)).toMatchObject({ restarted: true });
});

test("a server that sleeps when a request comes has slept", async () => {
  const state: State = { ...STATE, sleeping: true };
  await using given = serve(state);
  const before = performance.now();
  given.witness.sent();
  given.witness.ended(10);
  await given.upstream.facts();
  state.sleeping = false;
  expect(await given.witness.testify(before)).toMatchObject({ slept: true });
});

test("a restart before a request has nothing to do with later ones", async () => {
  const state = { ...STATE };
  await using given = serve(state);
  const before = performance.now();
  await served(given.witness);
  state.starts = [1010];
  const sentAt = performance.now();
  expect(await given.witness.testify(before, { sentAt })).toMatchObject({ restarted: true });
  expect(await given.witness.testify(sentAt)).toMatchObject({ restarted: false, isSame: true });
});

test("a look at a conversation's first request keeps an earlier restart out of its causes", async () => {
  const state = { ...STATE };
  await using given = serve(state);
  await served(given.witness);
  state.starts = [1010];
  const sentAt = performance.now();
  given.witness.sent({ sentAt });
  given.witness.ended(10);
  given.witness.look({ sentAt });
  expect(await given.witness.testify(sentAt)).toMatchObject({ restarted: false, isSame: true });
});

test.each([["llama-server"], ["llama-swap"]])("after %s each model's server is asked", async (kind) => {
  const starts: Record<string, number> = { one: 1000, other: 2000 };
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      asked.push(pathname);
      const [, inPath] = /^\/upstream\/(\w+)\//.exec(pathname) ?? [];
      const model = inPath ?? searchParams.get("model") ?? undefined;
      if (pathname === "/running")
        return Response.json({ running: [{ model: "one", state: "ready" }, { model: "other" }] });
      if (!model)
        return kind === "llama-swap"
          ? new Response("not found", { status: 404 })
          : Response.json({ role: "router" });
      if (pathname.endsWith("/props"))
        return Response.json({ total_slots: 1, chat_template: "", model_alias: model });
      return metrics({ starts: [starts[model]!], total: 0, model, build: "b1" }, 0);
    },
  });
  await using _ = { [Symbol.asyncDispose]: () => server.stop(true) };
  const upstream = new Upstream({ origin: `http://127.0.0.1:${server.port}`, basePath: "" }, { freshMs: 0 });
  await upstream.facts({ model: "one" });
  const witness = new Witness(upstream);
  const before = performance.now();
  witness.sent({ model: "one" });
  witness.ended(10, { model: "one" });
  await witness.testify(before, { model: "one" });
  expect(await witness.testify(before, { model: "one" })).toMatchObject({
    restarted: false,
    hasOneModel: false,
    isSame: true,
  });
  starts.one = 1010;
  expect(await witness.testify(before, { model: "one" })).toMatchObject({ restarted: true });
  // llama-swap would load a model that does not run, only to answer.
  await witness.testify(before, { model: "other" });
  expect(asked.some((path) => path.startsWith("/upstream/other"))).toBe(false);
});
