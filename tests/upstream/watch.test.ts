import { afterEach, expect, test } from "bun:test";
import { Upstream } from "../../src/upstream/upstream.ts";
import { type ServerView, ServerWatch } from "../../src/upstream/watch.ts";

const PROPS = { total_slots: 1, chat_template: "t", build_info: "b1", model_path: "/a.gguf" };

let server: ReturnType<typeof Bun.serve> | undefined;
let watch: ServerWatch | undefined;
afterEach(async () => {
  watch?.close();
  await server?.stop(true);
});

/** A watch of a server that gives these answers in turn, the last one again and again. */
function watching(...answers: (() => Response)[]): {
  watch: ServerWatch;
  upstream: Upstream;
  seen: [state: ServerView["state"], isFirst: boolean][];
  asked: () => number;
} {
  let asked = 0;
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => answers[Math.min(asked++, answers.length - 1)]!(),
  });
  const seen: [ServerView["state"], boolean][] = [];
  const upstream = new Upstream({ origin: server.url.origin, basePath: "" });
  watch = new ServerWatch(upstream, ({ state }, isFirst) => void seen.push([state, isFirst]));
  return { watch, upstream, seen, asked: () => asked };
}

const ready = (): Response => Response.json(PROPS);
const loading = (): Response => new Response("", { status: 503 });

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(1);
}

test("a server that loads is asked until it is ready, and each state is told once", async () => {
  const { watch, seen, asked } = watching(loading, loading, loading, ready);
  expect(watch.view.state).toBe("unknown");
  watch.watch(() => false, 1);
  await watch.ask();
  await until(() => watch.view.state === "ready");
  expect(seen).toEqual([
    ["loading", true],
    ["ready", false],
  ]);
  expect(watch.view).toMatchObject({ build: "b1", model: "a.gguf", slots: 1 });
  const before = asked();
  await Bun.sleep(20);
  expect(asked()).toBe(before);
});

test("nothing is asked before the first question", async () => {
  const { watch, asked } = watching(ready);
  watch.watch(() => true, 1);
  await Bun.sleep(10);
  expect(asked()).toBe(0);
});

test("a lost connection to a server that answers is no loss", async () => {
  const { watch, upstream, seen, asked } = watching(ready);
  await watch.ask();
  upstream.noteLost();
  await until(() => asked() >= 2);
  await Bun.sleep(5);
  expect(seen).toEqual([["ready", true]]);
});

test("a server that is gone has a cause and a time, and is found again", async () => {
  const { watch, upstream, seen } = watching(ready);
  await watch.ask();
  const port = server!.port as number;
  await server!.stop(true);
  const before = new Date().toISOString();
  upstream.noteLost();
  await until(() => watch.view.state === "lost");
  expect(watch.view.cause).toBe("connection refused");
  expect(watch.view.since >= before).toBe(true);
  server = Bun.serve({ port, hostname: "127.0.0.1", fetch: ready });
  watch.watch(() => false, 1);
  await until(() => watch.view.state === "ready");
  expect(seen.map(([state]) => state)).toEqual(["ready", "lost", "ready"]);
});
