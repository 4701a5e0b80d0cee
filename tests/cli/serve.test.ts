import { afterEach, describe, expect, test } from "bun:test";
import { hostname } from "node:os";
import { join } from "node:path";
import pkg from "../../package.json" with { type: "json" };

const MAIN = join(import.meta.dir, "../../src/main.ts");
/** Not every machine can resolve its own name. */
const hasAddress = await Bun.dns.lookup(hostname()).then(
  () => true,
  () => false,
);
const started: Bun.Subprocess[] = [];
const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const stop of stops.splice(0)) await stop();
});

describe("words and exit codes", () => {
  test("--version prints the version of package.json on stdout", async () => {
    expect(await run("--version")).toEqual({ code: 0, out: `${pkg.version}\n`, err: "" });
  });

  test("--help names every flag and its default on stdout", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    for (const word of [
      "--port",
      "8081",
      "--host",
      "127.0.0.1",
      "--upstream",
      "http://localhost:8080",
      "--allow-host",
      "--verbose",
      "--quiet",
    ]) {
      expect(out).toContain(word);
    }
  });

  test.each([
    ["an unknown flag", ["--prot=5"], "--prot"],
    ["a word that is not a flag", ["serve"], "serve"],
    ["a port that is not a number", ["--port", "http"], '"http"'],
    ["a port out of range", ["--port=70000"], '"70000"'],
    ["an upstream that is not a URL", ["--upstream", "localhost"], '"localhost"'],
    ["an upstream that is not http(s)", ["--upstream", "ftp://localhost"], '"ftp://localhost"'],
    ["an unknown choice", ["--system-turns", "hoist"], "fold or keep"],
    ["a missing value", ["--port"], "--port"],
  ])("%s is one line with the value, exit code 2", async (_name, argv, wanted) => {
    const { code, out, err } = await run(...argv);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(wanted);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  const selves: [name: string, host: string, upstream: (port: number) => string, isPossible: boolean][] = [
    ["by name", "127.0.0.1", (port) => `http://localhost:${port}`, true],
    ["by address, with a base path", "127.0.0.1", (port) => `http://127.0.0.1:${port}/v1`, true],
    ["when it listens on every address", "0.0.0.0", (port) => `http://127.0.0.1:${port}`, true],
    ["by the machine's name", "0.0.0.0", (port) => `http://${hostname()}:${port}`, hasAddress],
  ];
  for (const [name, host, upstream, isPossible] of selves) {
    test.skipIf(!isPossible)(`the proxy itself as upstream, ${name}, is a usage error`, async () => {
      const port = freePort();
      const { code, err } = await run("--host", host, "--port", String(port), "--upstream", upstream(port));
      expect(code).toBe(2);
      expect(err).toContain("itself");
      expect(err.trimEnd().split("\n")).toHaveLength(1);
    });
  }

  test.each(["no-such-host.invalid", "203.0.113.7"])(
    "--host %s is not an address of this machine",
    async (host) => {
      const { code, err } = await run("--port", "0", "--host", host);
      expect(code).toBe(1);
      expect(err).toBe(`cache-proxy: cannot listen on ${host}:0: it is not an address of this machine\n`);
    },
  );

  test("a password in --upstream is never shown", async () => {
    const { code, err } = await run("--upstream", "http://me:secret@localhost:8080");
    expect(code).toBe(2);
    expect(err).not.toContain("secret");
  });

  test("a port in use is one line with a hint, exit code 1", async () => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    stops.push(() => other.stop(true));
    const { code, err } = await run("--port", String(other.port));
    expect(code).toBe(1);
    expect(err).toContain(`127.0.0.1:${other.port}`);
    expect(err).toContain("--port");
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });
});

test("two proxies cannot share a port: the second one ends with exit code 1", async () => {
  const upstream = llamaServer();
  const first = await start("--port=0", "--upstream", upstream.url);
  const port = new URL(first.url).port;
  const { code, err } = await run("--port", port, "--upstream", upstream.url);
  expect(code).toBe(1);
  expect(err).toContain(`127.0.0.1:${port} is already in use`);
  expect(await (await fetch(`${first.url}/v1/models`)).text()).toBe("GET /v1/models");
});

test("a proxy in front of another proxy is not itself", async () => {
  const first = await start("--port=0", "--upstream", llamaServer().url);
  const second = await start("--port=0", "--upstream", first.url);
  expect(await (await fetch(`${second.url}/v1/models`)).text()).toBe("GET /v1/models");
});

describe("a running proxy", () => {
  test("reports where it listens and forwards, what answers there and how to start Claude Code", async () => {
    const upstream = llamaServer();
    const proxy = await start("--port", "0", "--upstream", upstream.url);
    expect(proxy.words).toContain(`ANTHROPIC_BASE_URL=${proxy.url} ANTHROPIC_AUTH_TOKEN=local claude`);
    expect(proxy.words).toContain(upstream.url);
    for (const fact of ["b1234", "tiny", "2 slots", "4 096"]) expect(proxy.words).toContain(fact);
    expect(await (await fetch(`${proxy.url}/v1/models`)).text()).toBe("GET /v1/models");
  });

  test("starts without an upstream, warns, and forwards as soon as there is one", async () => {
    const upstream = llamaServer();
    await upstream.stop();
    const proxy = await start("--port", "0", "--upstream", upstream.url);
    await proxy.until(/cannot reach llama-server at .*connection refused.*--upstream/);
    expect((await fetch(`${proxy.url}/v1/models`)).status).toBe(502);
    llamaServer(Number(new URL(upstream.url).port));
    expect((await fetch(`${proxy.url}/v1/models`)).status).toBe(200);
  });

  test("warns when others on the network can reach it", async () => {
    const proxy = await start("--port", "0", "--host", "0.0.0.0", "--upstream", llamaServer().url);
    await proxy.until(/everyone who can reach/);
  });

  test("--quiet leaves the banner out and still prints warnings", async () => {
    const upstream = llamaServer();
    await upstream.stop();
    const child = spawn("--port", "0", "--quiet", "--upstream", upstream.url);
    const words = await reader(child.stderr).until(/cannot reach/);
    expect(words).not.toContain("ANTHROPIC_BASE_URL");
  });

  test("--verbose reports the size of the body and what was changed in it", async () => {
    const proxy = await start("--port=0", "--verbose", "--upstream", llamaServer().url);
    const body = JSON.stringify({
      system: "x-anthropic-billing-header: cc_version=2.1.330.803; cc_entrypoint=cli;",
      messages: [],
    });
    await fetch(`${proxy.url}/v1/messages`, { method: "POST", body });
    const words = await proxy.until(/billing header made constant/);
    expect(words).toMatch(new RegExp(`${body.length} .*\\d+ bytes`));
    expect(words).not.toContain("cc_version");
  });

  test("--quiet reports nothing about bodies, even with --verbose", async () => {
    const upstream = llamaServer();
    const child = spawn("--port=0", "--verbose", "--quiet", "--host=0.0.0.0", "--upstream", upstream.url);
    await reader(child.stderr).until(/everyone who can reach/);
  });

  test("--log-format json: every line is an object that names its event", async () => {
    const upstream = llamaServer();
    const argv = ["--port=0", "--host=0.0.0.0", "--verbose", "--log-format=json", "--upstream", upstream.url];
    const proxy = await start(...argv);
    const url = proxy.url.replace(/\W+$/, "");
    await fetch(`${url}/v1/messages`, { method: "POST", body: '{"messages":[]}' });
    proxy.child.kill("SIGINT");
    const words = await proxy.until(/"event":"summary".*\n/);
    const lines = words.trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line)).map(({ event, time }) => [event, typeof time]);
    expect(events.toSorted()).toEqual(
      ["body", "request", "start", "summary", "warning"].map((event) => [event, "string"]),
    );
    expect(await proxy.child.exited).toBe(0);
  });

  test("the proxy goes on when the reader of stderr goes away", async () => {
    const upstream = llamaServer();
    const program = [process.execPath, MAIN, "--port=0", "--upstream", upstream.url].map(
      (word) => `'${word}'`,
    );
    // The shell becomes the proxy; the other end of its pipe is a reader that takes one line only.
    const child = Bun.spawn(["bash", "-c", `echo $$; exec ${program.join(" ")} 2> >(head -n 1 >&2)`], {
      env: { PATH: process.env.PATH ?? "" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    started.push(child);
    await reader(child.stderr).until(/cache-proxy/);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("goes on after errors that nothing handles, warns once and counts them", async () => {
    const upstream = llamaServer();
    const preload = join(import.meta.dir, "stray-errors.ts");
    const child = spawnBun("--preload", preload, MAIN, "--port=0", "--upstream", upstream.url);
    const { until, rest } = reader(child.stderr);
    const url = /ANTHROPIC_BASE_URL=(\S+)/.exec(await until(/ANTHROPIC_BASE_URL=\S+ .*claude/))![1]!;
    for (const want of [
      { count: 1, last: "RangeError: stray \\u001b[2J" },
      { count: 2, last: "TypeError: rejected" },
    ]) {
      child.kill("SIGUSR2");
      let failures: { count: number } = { count: 0 };
      while (failures.count < want.count) {
        const stats = await fetch(`${url}/cache-proxy/stats.json`);
        failures = ((await stats.json()) as { failures: { count: number } }).failures;
      }
      expect(failures).toEqual(want);
    }
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    const words = await rest();
    expect(words.match(/warning: internal error/g)).toHaveLength(1);
    expect(words).toContain("please report it: RangeError: stray \\u001b[2J");
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s lets a running request finish and ends with 0",
    async (signal) => {
      const gate = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      const upstream = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        async fetch({ url }) {
          if (!url.endsWith("/slow")) return new Response();
          asked.resolve();
          await gate.promise;
          return new Response("finished");
        },
      });
      stops.push(() => upstream.stop(true));
      const proxy = await start("--port", "0", "--upstream", upstream.url.origin);
      const answer = fetch(`${proxy.url}/slow`);
      await asked.promise;
      proxy.child.kill(signal);
      await refused(proxy.url);
      // A probe of `refused` may be among them.
      await proxy.until(/waiting for (1 request|\d requests) to finish; press Ctrl-C again to quit now/);
      gate.resolve();
      expect(await (await answer).text()).toBe("finished");
      expect(await proxy.child.exited).toBe(0);
    },
  );

  test("a second signal ends the program at once", async () => {
    const asked = Promise.withResolvers<void>();
    const upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch({ url }) {
        if (!url.endsWith("/never")) return new Response();
        asked.resolve();
        return new Promise<Response>(() => {});
      },
    });
    stops.push(() => upstream.stop(true));
    const proxy = await start("--port", "0", "--upstream", upstream.url.origin);
    const answer = fetch(`${proxy.url}/never`).then(
      () => "answered",
      () => "broken",
    );
    await asked.promise;
    proxy.child.kill("SIGINT");
    await refused(proxy.url);
    proxy.child.kill("SIGINT");
    expect(await answer).toBe("broken");
    expect(await proxy.child.exited).not.toBe(0);
  });
});

// --- internal ---

/** A port that nothing listens on at this moment. */
function freePort(): number {
  const server = Bun.serve({ port: 0, fetch: () => new Response() });
  const port = server.port!;
  server.stop(true);
  return port;
}

const text = (stream: ReadableStream): Promise<string> => new Response(stream).text();

function llamaServer(port = 0): { url: string; stop(): Promise<void> } {
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname !== "/props") return new Response(`${request.method} ${pathname}`);
      return Response.json({
        total_slots: 2,
        model_alias: "tiny",
        build_info: "b1234-abc",
        chat_template: "{{ messages }}",
        default_generation_settings: { n_ctx: 4096 },
      });
    },
  });
  const stop = async () => server.stop(true);
  stops.push(stop);
  return { url: server.url.origin, stop };
}

/** With an environment of its own: `NO_COLOR` and the like would change what is printed. */
function spawn(...argv: string[]) {
  return spawnBun(MAIN, ...argv);
}

function spawnBun(...argv: string[]) {
  const child = Bun.spawn([process.execPath, ...argv], {
    env: { PATH: process.env.PATH ?? "" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  started.push(child);
  return child;
}

async function run(...argv: string[]) {
  const child = spawn(...argv);
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  return { code, out, err };
}

async function start(...argv: string[]) {
  const child = spawn(...argv);
  const { until } = reader(child.stderr);
  const words = await until(/ANTHROPIC_BASE_URL=\S+ .*claude/);
  const url = /ANTHROPIC_BASE_URL=(\S+)/.exec(words)![1]!;
  return { child, url, words, until };
}

/** Reads a stream until everything read so far matches; rejects when it ends before. */
function reader(stream: ReadableStream<Uint8Array>) {
  const chunks = stream
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  let words = "";
  return {
    /** Everything, when the stream has ended. */
    async rest(): Promise<string> {
      for (;;) {
        const { value, done } = await chunks.read();
        if (done) return words;
        words += value;
      }
    },
    async until(wanted: RegExp): Promise<string> {
      while (!wanted.test(words)) {
        const { value, done } = await chunks.read();
        if (done) throw new Error(`ended before ${wanted}: ${words}`);
        words += value;
      }
      return words;
    },
  };
}

/** Resolves when nothing listens there any more. */
async function refused(url: string): Promise<void> {
  for (;;) {
    const open = await fetch(`${url}/gone`).then(
      (answer) => answer.body?.cancel().then(() => true) ?? true,
      () => false,
    );
    if (!open) return;
    await Bun.sleep(5);
  }
}
