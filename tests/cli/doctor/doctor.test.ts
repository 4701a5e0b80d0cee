import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Finding } from "../../../src/cli/doctor/finding.ts";

const MAIN = join(import.meta.dir, "../../../src/main.ts");
const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Answers {
  readonly context?: number;
  /** Tokens that its only slot holds. */
  readonly held?: number;
  /** Leaves a prompt without an answer. */
  readonly hangs?: boolean;
  readonly onPrompt?: () => void;
}

/** A llama-server whose template keeps everything and whose cache holds a whole prompt that was sent before. */
function llamaServer({ context = 131_072, held = 0, hangs = false, onPrompt }: Answers = {}): string {
  const seen = new Set<string>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/props") return Response.json(propsOf(context));
      if (pathname === "/v1/models") return Response.json({ data: [{ id: "tiny" }] });
      if (pathname === "/slots")
        return Response.json([{ id: 0, is_processing: false, ...(held && { n_prompt_tokens: held }) }]);
      if (pathname === "/metrics") return new Response("");
      const body = await request.text();
      if (pathname === "/apply-template") return Response.json({ prompt: body });
      if (pathname !== "/v1/messages") return new Response(null, { status: 404 });
      onPrompt?.();
      if (hangs) await new Promise(() => {});
      const isKnown = seen.has(body);
      seen.add(body);
      const usage = { cache_read_input_tokens: isKnown ? 99 : 0, input_tokens: isKnown ? 1 : 100 };
      return new Response(`event: message_start\ndata: ${JSON.stringify({ message: { usage } })}\n\n`, {
        headers: { "content-type": "text/event-stream" },
      });
    },
  });
  stops.push(() => server.stop(true));
  return server.url.origin;
}

function propsOf(n_ctx: number) {
  return {
    total_slots: 1,
    model_alias: "tiny",
    build_info: "b1234-abc",
    chat_template: "",
    default_generation_settings: { n_ctx },
  };
}

function spawn(...flags: string[]) {
  const child = Bun.spawn([process.execPath, MAIN, "doctor", "--port", "1", ...flags], {
    env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  stops.push(() => child.kill("SIGKILL"));
  return child;
}

async function doctor(...flags: string[]) {
  const child = spawn(...flags);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

const findingsIn = (out: string) => (JSON.parse(out) as { findings: Finding[] }).findings;

describe("the exit code", () => {
  test("is 0 without a problem, and no prompt is sent with --no-self-test", async () => {
    const { code, out, err } = await doctor("--no-self-test", "--upstream", llamaServer({ hangs: true }));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("llama-server, b1234-abc, tiny");
    expect(out).toMatch(/no problems, \d notes?\n$/);
  });

  test("is 1 with one, which has a line that says what to do", async () => {
    const { code, out } = await doctor("--no-self-test", "--upstream", llamaServer({ context: 8_192 }));
    expect(code).toBe(1);
    expect(out).toMatch(/^problem server\.context .*\n +→ .*--ctx-size/m);
    expect(out).toMatch(/1 problem, \d notes?\n$/);
  });

  test("is 2 for an unknown flag", async () => {
    expect((await doctor("--fast")).code).toBe(2);
  });
});

test("--json prints one object with the same findings", async () => {
  const upstream = llamaServer();
  const { out } = await doctor("--json", "--no-self-test", "--upstream", upstream);
  const { out: text } = await doctor("--no-self-test", "--upstream", upstream);
  const ids = findingsIn(out).map(({ id }) => id);
  expect(ids.length).toBeGreaterThan(10);
  expect([...text.matchAll(/^(?:ok|note|problem) +(\S+)/gm)].map(([, id]) => id)).toEqual(ids);
});

describe("several servers", () => {
  /** Takes two servers in turn, which differ in one answer only. */
  function balancer(
    differing: string,
    answers: readonly [Response, Response],
    names?: readonly string[],
  ): string {
    let count = 0;
    const own = llamaServer();
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const { pathname } = new URL(request.url);
        const at = count++ % 2;
        const answer = pathname === differing ? answers[at]!.clone() : await fetch(own + pathname, request);
        const headers = new Headers(answer.headers);
        for (const name of ["content-encoding", "content-length"]) headers.delete(name);
        if (names) headers.set("x-backend", names[at]!);
        return new Response(answer.body, { status: answer.status, headers });
      },
    });
    stops.push(() => server.stop(true));
    return server.url.origin;
  }

  const started = (at: string) => new Response("", { headers: { "process-start-time-unix": at } });
  const props = (model_alias: string) => Response.json({ ...propsOf(131_072), model_alias });
  const slots = (id_task: number) => Response.json([{ id: 0, is_processing: false, id_task }]);

  test.each([
    ["/metrics", started("1"), started("2")],
    ["/props", props("tiny"), props("small")],
    ["/slots", slots(7), slots(3)],
  ])("are seen in their answers to %s, and not measured", async (path, one, other) => {
    const { code, out } = await doctor("--json", "--upstream", balancer(path, [one, other]));
    const findings = findingsIn(out);
    expect(findings.find(({ id }) => id === "server.replicas")).toMatchObject({
      status: "note",
      seen: expect.stringContaining("several servers answer"),
    });
    expect(findings.at(-1)).toMatchObject({ id: "self-test.run", status: "note" });
    expect(code).toBe(0);
  });

  test("are told apart where --replica-header names them", async () => {
    const upstream = balancer("/metrics", [started("1"), started("2")], ["llama1", "llama2"]);
    const { out } = await doctor("--json", "--replica-header", "X-Backend", "--upstream", upstream);
    expect(findingsIn(out).find(({ id }) => id === "server.replicas")).toMatchObject({
      status: "ok",
      seen: expect.stringMatching(/llama1, llama2|llama2, llama1/),
    });
  });
});

test("the self-test says what it evaluates before it starts, and shows both ways side by side", async () => {
  const { out, err } = await doctor("--upstream", llamaServer());
  expect(err).toContain("evaluates at most about 37 000 prompt tokens");
  expect(out).toMatch(/without the proxy +through cache-proxy/);
  expect(out).toContain("a new session, other words");
});

test("the self-test displaces nothing without --yes where nobody can be asked", async () => {
  const { out } = await doctor("--json", "--upstream", llamaServer({ held: 5_000, hangs: true }));
  expect(findingsIn(out).at(-1)).toMatchObject({ id: "self-test.run", status: "note" });
});

test("Ctrl-C ends the self-test with what was measured so far", async () => {
  const { promise: asked, resolve: onPrompt } = Promise.withResolvers<void>();
  const child = spawn("--json", "--upstream", llamaServer({ hangs: true, onPrompt }));
  await asked;
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  const findings = findingsIn(await new Response(child.stdout).text());
  expect(findings.at(-1)?.seen).toContain("interrupted");
});
