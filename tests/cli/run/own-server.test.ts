import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OwnServer, placed } from "../../../src/cli/run/own-server.ts";

const MAIN = join(import.meta.dir, "../../../src/main.ts");
const FAKE = join(import.meta.dir, "fake-llama-server.ts");
const UPSTREAM = { origin: "http://localhost:8080", basePath: "" };
const LIMITS = { restarts: 2, windowMs: 60_000, intervalMs: 10, stopMs: 2_000 };

const folder = mkdtempSync(join(tmpdir(), "cache-proxy-server-"));
const before = process.env.XDG_STATE_HOME;
process.env.XDG_STATE_HOME = folder;
const started: OwnServer[] = [];

afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
});
afterAll(() => {
  if (before === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = before;
  rmSync(folder, { recursive: true, force: true });
});

async function start(...flags: string[]): Promise<OwnServer> {
  const words = [process.execPath, FAKE, "--port", freePort(), ...flags];
  const server = await OwnServer.start({ server: words, upstream: UPSTREAM, hasUpstream: false }, LIMITS);
  started.push(server);
  return server;
}

describe("where the server listens", () => {
  test.each<[string[], boolean, string]>([
    [["llama-server", "--port", "9000"], false, "http://127.0.0.1:9000"],
    [["./llama-server", "--port=9001"], false, "http://127.0.0.1:9001"],
    [["other-server"], false, "http://localhost:8080"],
    [["llama-server", "--port", "9000"], true, "http://localhost:8080"],
  ])("%j, --upstream given: %p", async (words, hasUpstream, origin) => {
    const found = await placed(words, { upstream: UPSTREAM, hasUpstream });
    expect(found).toEqual({ words, address: { origin, basePath: "" } });
  });

  test("a llama-server without a port gets a free one", async () => {
    const { words, address } = await placed(["/opt/llama-server", "-m", "a"], {
      upstream: UPSTREAM,
      hasUpstream: false,
    });
    expect(words.slice(0, 4)).toEqual(["/opt/llama-server", "-m", "a", "--port"]);
    expect(address.origin).toBe(`http://127.0.0.1:${words[4]}`);
  });
});

test("it is ready when the model is loaded, and its output goes to a file", async () => {
  const server = await start("--loading", "3");
  await server.ready();
  expect((await fetch(`${server.address.origin}/health`)).status).toBe(200);
  expect(readFileSync(server.logPath, "utf8")).toContain("fake llama-server");
});

test("a server that ends before it is ready is reported with its log", async () => {
  const server = await start("--exit-at-start", "4");
  await server.ready();
  expect(() => server.checkStart()).toThrow(
    /ended with exit code 4 before it was ready; see .*server-.*\.log/,
  );
});

test("after a crash it is started again, and whoever waits goes on when it is ready", async () => {
  const server = await start("--loading", "2");
  await server.ready();
  const notes: string[] = [];
  const noted = new Promise<void>((resolve) =>
    server.onNote((text) => {
      notes.push(text);
      resolve();
    }),
  );
  await fetch(`${server.address.origin}/crash`).catch(() => undefined);
  await noted;
  await server.ready();
  expect((await fetch(`${server.address.origin}/health`)).status).toBe(200);
  expect(notes).toEqual(["the server ended with exit code 9; restarting it"]);
});

test("after too many crashes it stays down", async () => {
  const server = await start();
  const notes: string[] = [];
  server.onNote((text) => notes.push(text));
  while (!notes.at(-1)?.includes("not restarted")) {
    await server.ready();
    await fetch(`${server.address.origin}/crash`).catch(() => undefined);
  }
  expect(notes).toHaveLength(3);
  expect(notes[2]).toContain("3 times in 1 min 0 s");
});

test("stopping ends it, also while it ignores the signal", async () => {
  const server = await OwnServer.start(
    {
      server: [process.execPath, FAKE, "--port", freePort(), "--stubborn"],
      upstream: UPSTREAM,
      hasUpstream: false,
    },
    { ...LIMITS, stopMs: 50 },
  );
  await server.ready();
  await server.stop();
  expect(await fetch(server.address.origin).catch(() => "refused")).toBe("refused");
});

test("run starts the server, lets requests wait while it restarts, and stops it at the end", async () => {
  const port = freePort();
  const server = `"${process.execPath}" '${FAKE}' --port ${port} --loading 2`;
  const log = join(folder, "proxy.log");
  const script = [
    'curl -s "$ANTHROPIC_BASE_URL/crash" > /dev/null',
    `until grep -q "restarting it" '${log}'; do sleep 0.05; done`,
    `curl -s "$ANTHROPIC_BASE_URL/v1/messages" -d '{"stream":true}'`,
  ].join("; ");
  const child = Bun.spawn(
    [process.execPath, MAIN, "run", "--log-file", log, "--server", server, "--", "sh", "-c", script],
    {
      env: { PATH: process.env.PATH, HOME: folder, XDG_STATE_HOME: folder },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect({ code, out }).toEqual({ code: 0, out: "POST /v1/messages" });
  expect(err).toContain("server log ");
  expect(await fetch(`http://127.0.0.1:${port}`).catch(() => "refused")).toBe("refused");
});

test("a signal while the server loads stops it, and run ends with the shell's code for the signal", async () => {
  const port = freePort();
  const server = `"${process.execPath}" '${FAKE}' --port ${port} --loading 1000000`;
  const child = Bun.spawn([process.execPath, MAIN, "run", "--server", server, "--", "true"], {
    env: { PATH: process.env.PATH, HOME: folder, XDG_STATE_HOME: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  for await (const bytes of child.stderr) {
    if (!new TextDecoder().decode(bytes).includes("to load its model")) continue;
    child.kill("SIGINT");
    break;
  }
  expect(await child.exited).toBe(130);
  expect(await fetch(`http://127.0.0.1:${port}`).catch(() => "refused")).toBe("refused");
});

// --- internal ---

function freePort(): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return String(port);
}
