import { afterEach, expect, test } from "bun:test";
import { type App, startApp } from "../../src/app.ts";
import { type Options, readOptions } from "../../src/cli/options.ts";
import { createLog } from "../../src/terminal/log.ts";
import { Output } from "../../src/terminal/output.ts";
import { Screen } from "../terminal/screen.ts";

const PREFILL = "prefill 12 300 tokens";
const progressTimes = { patienceMs: 1, intervalMs: 5, restMs: 5 };

let app: App | undefined;
let upstream: ReturnType<typeof Bun.serve> | undefined;
const gates: (() => void)[] = [];

afterEach(async () => {
  for (const open of gates.splice(0)) open();
  await app?.kill();
  await upstream?.stop(true);
});

/** A llama-server whose slot has evaluated 12 300 tokens; it answers a prompt when its gate opens. */
function llamaServer(): string {
  upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch({ url, method }) {
      const slot = { is_processing: true, id_task: 1, n_prompt_tokens_cache: 0 };
      if (url.endsWith("/slots")) return Response.json([{ ...slot, n_prompt_tokens_processed: 12_300 }]);
      if (method === "POST") await new Promise<void>((resolve) => gates.push(resolve));
      return Response.json({ usage: { input_tokens: 5, cache_read_input_tokens: 95, output_tokens: 1 } });
    },
  });
  return upstream.url.origin;
}

function start(flags: readonly string[] = []): {
  screen: Screen;
  log: ReturnType<typeof createLog>;
  app: App;
} {
  const options = readOptions(["--port=0", "--upstream", llamaServer(), ...flags]) as Options;
  const screen = new Screen();
  const output = new Output(screen);
  const log = createLog(output, options.logFormat);
  app = startApp({ ...options, progressTimes }, output, log);
  return { screen, log, app };
}

function ask(url: string): Promise<Response> {
  const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hello." }] });
  return fetch(`${url}/v1/messages`, { method: "POST", body });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(1);
}

test("messages and the progress line are never written over each other", async () => {
  const { screen, log, app } = start(["--verbose"]);
  const answer = ask(app.url);
  await until(() => screen.text.endsWith(PREFILL));
  log.withTag("summary").log("7 requests, 81 567 prompt tokens");
  log.warn("a warning");
  app.failures.note(new Error("no"));
  expect(screen.text.split("\n")).toEqual([
    "7 requests, 81 567 prompt tokens",
    "warning: a warning",
    "internal error: Error: no",
    expect.stringMatching(/^prefill 12 300 tokens/),
  ]);
  gates.shift()!();
  await answer;
  await until(() => !screen.text.includes("prefill"));
  expect(screen.text.split("\n").slice(3)).toEqual([
    expect.stringMatching(/^time +session/),
    expect.stringMatching(/^\d\d:\d\d:\d\d .* 100 +5 +95% .* m$/),
    expect.stringMatching(/^ +└ .* bytes\)$/),
  ]);
});

test("progress goes on while the last requests finish, and then the progress line is gone", async () => {
  const { screen, app } = start();
  const answer = ask(app.url);
  await until(() => screen.text.endsWith(PREFILL));
  const stopped = app.stop();
  const before = screen.written.length;
  expect(screen.text).toEndWith(PREFILL);
  gates.shift()!();
  await Promise.all([answer.then((response) => response.text()), stopped]);
  expect(screen.written.length).toBeGreaterThan(before);
  expect(screen.text).not.toContain("prefill");
  expect(app.summary()).toStartWith("1 request, 100 prompt tokens");
});

test("an open page does not keep it from stopping", async () => {
  const { app } = start();
  const page = await fetch(`${app.url}/cache-proxy/events`);
  await app.stop();
  expect(await page.text()).toStartWith("event: snapshot\n");
});

test("failures are in stats.json", async () => {
  const { app } = start();
  const failures = async () => {
    const stats = (await (await fetch(`${app.url}/cache-proxy/stats.json`)).json()) as { failures: unknown };
    return stats.failures;
  };
  expect(await failures()).toEqual({ count: 0 });
  app.failures.note(new TypeError("not a function"));
  expect(await failures()).toEqual({ count: 1, last: "TypeError: not a function" });
});

test("another server is not the proxy itself", async () => {
  const { app } = start();
  expect(await app.isOwnUpstream()).toBe(false);
});
