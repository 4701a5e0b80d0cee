import { afterEach, expect, test } from "bun:test";
import { isInstance } from "../../src/web/health.ts";

let server: ReturnType<typeof Bun.serve> | undefined;
afterEach(() => server?.stop(true));

/** The address of a server that answers every request with this. */
function answering(answer: () => Response | Promise<Response>): { origin: string; basePath: string } {
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  return { origin: server.url.origin, basePath: "/v1" };
}

test("a server is this proxy only if it answers with this instance id", async () => {
  const cases: [answer: () => Response, want: boolean][] = [
    [() => Response.json({ status: "ok", instance: "mine" }), true],
    [() => Response.json({ status: "ok", instance: "another" }), false],
    [() => Response.json({ status: "ok" }), false],
    [() => Response.json(null), false],
    [() => new Response("mine"), false],
    [() => Response.json({ instance: "mine" }, { status: 404 }), false],
  ];
  for (const [answer, want] of cases) {
    expect(await isInstance(answering(answer), "mine")).toBe(want);
    await server!.stop(true);
  }
});

test("it asks once, at the root", async () => {
  const asked: string[] = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ url }) {
      asked.push(new URL(url).pathname);
      return new Response();
    },
  });
  await isInstance({ origin: server.url.origin, basePath: "/v1" }, "mine");
  expect(asked).toEqual(["/cache-proxy/health"]);
});

test("a server that never answers, or is not there, is another one", async () => {
  const silent = answering(() => new Promise<Response>(() => {}));
  expect(await isInstance(silent, "mine", 20)).toBe(false);
  await server!.stop(true);
  expect(await isInstance(silent, "mine")).toBe(false);
});
