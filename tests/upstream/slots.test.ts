import { afterEach, describe, expect, test } from "bun:test";
import { askSlots, type PrefillingSlot, readSlots } from "../../src/upstream/slots.ts";

/** As llama-server b10434 answers, less what is not read. */
function slot(changes: object): object {
  return {
    id: 0,
    n_ctx: 32_768,
    is_processing: true,
    id_task: 5,
    n_prompt_tokens: 6144,
    n_prompt_tokens_processed: 5632,
    n_prompt_tokens_cache: 100,
    next_token: [{ has_next_token: true, n_decoded: 0 }],
    ...changes,
  };
}

describe("which slots evaluate a prompt", () => {
  const idle = { id: 1, n_ctx: 32_768, is_processing: false };
  const cases: { name: string; answer: unknown; want: PrefillingSlot[] | undefined }[] = [
    { name: "one at work", answer: [slot({}), idle], want: [{ task: 5, cached: 100, evaluated: 5632 }] },
    { name: "all idle", answer: [idle, idle], want: [] },
    { name: "one that generates", answer: [slot({ next_token: [{ n_decoded: 3 }] })], want: [] },
    { name: "an older build's next_token", answer: [slot({ next_token: { n_decoded: 3 } })], want: [] },
    {
      name: "a build without figures (b8179)",
      answer: [{ id: 0, id_task: 3, is_processing: true }],
      want: undefined,
    },
    { name: "an error", answer: { error: { code: 501 } }, want: undefined },
    { name: "nonsense", answer: [null, 5, "x"], want: [] },
    { name: "no JSON", answer: undefined, want: undefined },
  ];
  for (const { name, answer, want } of cases) test(name, () => expect(readSlots(answer)).toEqual(want));
});

describe("asking", () => {
  let server: ReturnType<typeof Bun.serve> | undefined;
  afterEach(() => server?.stop(true));

  function upstreamThat(answers: (path: string) => Response): { origin: string; basePath: string } {
    server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => answers(new URL(request.url).pathname),
    });
    return { origin: server.url.origin, basePath: "/base" };
  }

  test("goes to /slots below the upstream's base path", async () => {
    const upstream = upstreamThat((path) =>
      path === "/base/slots" ? Response.json([slot({})]) : new Response("", { status: 404 }),
    );
    expect(await askSlots(upstream, AbortSignal.timeout(5000))).toEqual([
      { task: 5, cached: 100, evaluated: 5632 },
    ]);
  });

  test("an upstream that has no such endpoint does not tell", async () => {
    for (const status of [404, 501, 401, 302]) {
      const upstream = upstreamThat(
        () => new Response("no", { status, headers: { location: "/elsewhere" } }),
      );
      expect(await askSlots(upstream, AbortSignal.timeout(5000))).toBeUndefined();
      await server!.stop(true);
    }
  });

  test("a page in place of JSON does not tell", async () => {
    const upstream = upstreamThat(() => new Response("<html>"));
    expect(await askSlots(upstream, AbortSignal.timeout(5000))).toBeUndefined();
  });

  test("no answer at all is an error", async () => {
    const upstream = upstreamThat(() => new Response(""));
    await server!.stop(true);
    expect(askSlots(upstream, AbortSignal.timeout(5000))).rejects.toThrow();
  });
});
