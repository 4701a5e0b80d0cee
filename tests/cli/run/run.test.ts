import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../../src/main.ts");
const root = mkdtempSync(join(tmpdir(), "cache-proxy-run-"));
const home = join(root, "home");
const stops: (() => unknown)[] = [() => rmSync(root, { recursive: true, force: true })];
mkdirSync(join(home, ".claude"), { recursive: true });

afterEach(async () => {
  for (const stop of stops.splice(1)) await stop();
});

describe("exit codes", () => {
  test.each<[string, string[], number]>([
    ["of the command", ["sh", "-c", "exit 7"], 7],
    ["of a command that ends by a signal", ["sh", "-c", "kill -TERM $$"], 143],
    ["of a command that is not there", ["no-such-command"], 127],
    ["of a file that is not executable", [import.meta.path], 126],
  ])("%s", async (_, command, want) => {
    const { code } = await run(["--upstream", llamaServer()], command);
    expect(code).toBe(want);
  });

  test("without an upstream it is 1, with one line that says what to do", async () => {
    const { code, err } = await run(["--upstream", "http://127.0.0.1:1"], ["echo"]);
    expect(code).toBe(1);
    expect(err).toBe(
      "cache-proxy: cannot reach llama-server at http://127.0.0.1:1: connection refused; start it, pass --upstream, or pass --wait to wait for it\n",
    );
  });

  test("without a command it is 2", async () => {
    const { code, err } = await run([], undefined);
    expect(code).toBe(2);
    expect(err).toContain("cache-proxy run -- claude");
  });
});

test("everything after -- is the command's, --help and -- included", async () => {
  const { out } = await run(["--upstream", llamaServer()], ["printf", "%s|", "--help", "--", "--version"]);
  expect(out).toBe("--help|--|--version|");
});

test("the command talks to the proxy, whose rows go to a file that is named at the start and the end", async () => {
  const { out, err } = await run(
    ["--upstream", llamaServer()],
    ["sh", "-c", 'curl -s "$OPENAI_BASE_URL/chat/completions" -d "{}"; echo; echo "$ANTHROPIC_BASE_URL"'],
  );
  expect(out).toMatch(/^POST \/v1\/chat\/completions\nhttp:\/\/127\.0\.0\.1:\d+\n$/);
  const logs = [...err.matchAll(/^ {2}log +(\S+)$/gm)].map(([, path]) => path);
  expect(logs).toHaveLength(2);
  expect(new Set(logs).size).toBe(1);
  expect(readFileSync(logs[0]!, "utf8")).toContain("chat/completions");
  expect(err).toContain("/cache-proxy/");
  expect(err).toContain("1 request");
});

test("--quiet leaves the terminal to the command", async () => {
  const { err } = await run(["--quiet", "--upstream", llamaServer()], ["true"]);
  expect(err).toBe("");
});

test("--log-file is written instead of a new file", async () => {
  const path = join(root, "mine.log");
  await run(
    ["--upstream", llamaServer(), "--log-file", path],
    ["sh", "-c", 'curl -s "$ANTHROPIC_BASE_URL/v1/messages" -d "{}"'],
  );
  expect(readFileSync(path, "utf8")).toMatch(/^\d\d:\d\d:\d\d /m);
});

describe("the server", () => {
  test("is waited for with --wait", async () => {
    const url = llamaServer();
    await stops.pop()!();
    const child = spawn(["--wait", "--upstream", url], ["echo", "started"]);
    for await (const bytes of child.stderr)
      if (new TextDecoder().decode(bytes).includes(`waiting for llama-server at ${url}`)) break;
    llamaServer({ port: Number(new URL(url).port) });
    expect(await new Response(child.stdout).text()).toBe("started\n");
    expect(await child.exited).toBe(0);
  });

  test("is waited for in silence with --quiet", async () => {
    let asked = 0;
    const url = llamaServer({ isLoading: () => asked++ < 2 });
    const { code, err } = await run(["--quiet", "--upstream", url], ["true"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  test("is waited for while it loads its model", async () => {
    let asked = 0;
    const url = llamaServer({ isLoading: () => asked++ < 2 });
    const { code, err } = await run(["--upstream", url], ["true"]);
    expect(code).toBe(0);
    expect(err).toContain("waiting for llama-server to load its model");
  });
});

describe("a proxy that is already running", () => {
  test("in front of the same server is used", async () => {
    const upstream = llamaServer();
    const port = await serve(upstream);
    const { out } = await run(
      ["--port", port, "--upstream", upstream],
      ["sh", "-c", "echo $ANTHROPIC_BASE_URL"],
    );
    expect(out).toBe(`http://127.0.0.1:${port}\n`);
  });

  test("is not used when a flag asks for other repairs", async () => {
    const upstream = llamaServer();
    const port = await serve(upstream);
    const { code, err } = await run(["--port", port, "--tools=keep", "--upstream", upstream], ["true"]);
    expect(code).toBe(1);
    expect(err).toContain("already in use");
  });
});

describe("Claude Code", () => {
  const claude = join(root, "claude");
  writeFileSync(
    claude,
    '#!/bin/sh\n[ "$1" = --version ] && echo "2.1.332 (Claude Code)" && exit\nenv; printf "%s\\n" "$@"\n',
  );
  chmodSync(claude, 0o755);

  test("gets the model and the context of the server, and its folder is left alone", async () => {
    writeFileSync(
      join(home, ".claude/settings.json"),
      '{"env":{"ANTHROPIC_BASE_URL":"http://other","ENABLE_TOOL_SEARCH":"true"}}',
    );
    const before = hashes(join(home, ".claude"));
    const { out } = await run(["--upstream", llamaServer()], [claude, "-p", "hi"]);
    expect(hashes(join(home, ".claude"))).toEqual(before);
    expect(out).toMatch(/^ANTHROPIC_MODEL=tiny$/m);
    expect(out).toMatch(/^CLAUDE_CODE_MAX_CONTEXT_TOKENS=131072$/m);
    expect(out).not.toContain("ENABLE_TOOL_SEARCH");
    expect(out).toMatch(
      /\n--settings\n\{"env":\{"ANTHROPIC_BASE_URL":"http:\/\/127\.0\.0\.1:\d+"\}\}\n--exclude-dynamic\S+\n-p\nhi\n$/,
    );
  });

  test("--dry-run prints the environment and the command, and starts nothing", async () => {
    const { out, err } = await run(
      ["--dry-run", "--shell=sh", "--upstream", llamaServer()],
      [claude, "it's me"],
    );
    expect(err).toBe("");
    expect(out).toContain("cache-proxy --port 8081 --upstream http://127.0.0.1:");
    expect(out).toContain("\nexport ANTHROPIC_BASE_URL=http://127.0.0.1:8081\n");
    expect(out).toEndWith("'it'\\''s me'\n");
    expect(out).not.toContain("\nHOME=");
  });

  test("--dry-run with --server prints how to start the server, keys masked", async () => {
    const server = "llama-server -m 'my model.gguf' --port 9 --api-key sk-1";
    const { out } = await run(["--dry-run", "--shell=sh", "--server", server], [claude]);
    expect(out).toStartWith(
      "# start the server first: llama-server -m 'my model.gguf' --port 9 --api-key '****'\n# start the proxy then: cache-proxy --port 8081 --upstream http://127.0.0.1:9\n",
    );
    expect(out).not.toContain("sk-1");
  });
});

test("signals sent to us alone are passed on", async () => {
  const child = spawn(
    ["--upstream", llamaServer()],
    ["sh", "-c", 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'],
  );
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGTERM");
  expect(await child.exited).toBe(9);
});

describe("in a terminal", () => {
  test("Ctrl-C is the command's, and we wait for it", async () => {
    const { text, code } = await inTerminal(
      ["sh", "-c", 'trap "echo stopped; exit 3" INT; echo ready; read x'],
      "\x03",
    );
    expect(code).toBe(3);
    expect(text).toContain("stopped");
  });

  test("Ctrl-C gives up waiting and leaves no half line", async () => {
    const { text, code } = await inTerminal(
      ["true"],
      "\x03",
      ["--wait", "--upstream", "http://127.0.0.1:1"],
      /waiting/,
    );
    expect(code).toBe(130);
    expect(text).toEndWith("\r\x1b[2K");
  });

  test("the command has the terminal's size", async () => {
    const { text } = await inTerminal(["sh", "-c", "echo ready; stty size"], "");
    expect(text).toContain("31 97");
  });
});

// --- internal ---

function llamaServer({ port = 0, isLoading = (): boolean => false } = {}): string {
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    fetch({ url, method }) {
      const { pathname } = new URL(url);
      if (isLoading())
        return Response.json({ error: { code: 503, message: "Loading model" } }, { status: 503 });
      if (pathname === "/v1/models") return Response.json({ data: [{ id: "tiny" }] });
      if (pathname !== "/props") return new Response(`${method} ${pathname}`);
      return Response.json({
        total_slots: 1,
        chat_template: "",
        default_generation_settings: { n_ctx: 131_072 },
      });
    },
  });
  stops.push(() => server.stop(true));
  return server.url.origin;
}

function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: home };
}

function words(flags: readonly string[], command: readonly string[] | undefined): string[] {
  return [process.execPath, MAIN, "run", ...flags, ...(command ? ["--", ...command] : [])];
}

function spawn(flags: readonly string[], command: readonly string[] | undefined) {
  const child = Bun.spawn(words(flags, command), {
    cwd: root,
    env: environment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  stops.push(() => child.kill("SIGKILL"));
  return child;
}

async function run(flags: readonly string[], command: readonly string[] | undefined) {
  const child = spawn(flags, command);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

/** A proxy that stays; resolves to its port. */
async function serve(upstream: string): Promise<string> {
  const child = Bun.spawn([process.execPath, MAIN, "--port=0", "--upstream", upstream], {
    env: environment(),
    stdio: ["ignore", "ignore", "pipe"],
  });
  stops.push(() => child.kill("SIGKILL"));
  let text = "";
  for await (const bytes of child.stderr) {
    text += new TextDecoder().decode(bytes);
    const port = /ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1:(\d+) .*claude/.exec(text)?.[1];
    if (port) return port;
  }
  throw new Error(text);
}

/** Runs the command in a terminal and types `keys` when its output matches. */
async function inTerminal(
  command: readonly string[],
  keys: string,
  flags: readonly string[] = ["--upstream", llamaServer()],
  pattern = /^ready/m,
): Promise<{ text: string; code: number }> {
  let text = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn(words(flags, command), {
    cwd: root,
    env: environment(),
    terminal: {
      cols: 97,
      rows: 31,
      data(terminal, bytes) {
        text += decoder.decode(bytes, { stream: true });
        if (keys && pattern.test(text)) {
          terminal.write(keys);
          keys = "";
        }
      },
    },
  });
  stops.push(() => child.kill("SIGKILL"));
  const code = await child.exited;
  return { text, code };
}

function hashes(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      join(parentPath, name),
      Bun.hash(readFileSync(join(parentPath, name))).toString(36),
    ]),
  );
}
