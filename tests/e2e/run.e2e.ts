import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { claudeCode } from "./setup/claude-code.ts";
import { startChild, within } from "./support/child.ts";
import { newUser } from "./support/claude.ts";
import { asEvents } from "./support/events.ts";
import { BINARY } from "./support/proxy.ts";
import { isInference, listen, type Recorded, record } from "./support/recording.ts";

/** `cache-proxy run -- claude` with the real client, without a terminal and in one. */
const user = newUser();
const claude = await claudeCode(process.env.CACHE_PROXY_E2E_NEWEST ?? "2.1.332");
const program = claude.command[0]!;
const settings = join(user.home, ".claude/settings.json");
const stops: (() => unknown)[] = [];
const LONGEST_MS = 120_000;

mkdirSync(dirname(settings), { recursive: true });
/** Everything that Claude Code asks a new user. */
writeFileSync(
  join(user.home, ".claude.json"),
  JSON.stringify({
    hasCompletedOnboarding: true,
    theme: "dark",
    projects: { [user.project]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true } },
  }),
);
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => user[Symbol.dispose]());

/** A llama-server as far as `run` asks, with an answer to every message. */
function upstream(): { origin: string; requests: Recorded[] } {
  const requests: Recorded[] = [];
  const server = listen(async (request) => {
    const recorded = await record(request);
    if (recorded.target === "/v1/models") return Response.json({ data: [{ id: "tiny-model" }] });
    if (recorded.target === "/props")
      return Response.json({
        total_slots: 1,
        chat_template: "",
        default_generation_settings: { n_ctx: 65_536 },
      });
    if (!isInference(recorded)) return new Response(null, { status: 404 });
    requests.push(recorded);
    const { model, stream } = JSON.parse(Buffer.from(recorded.body).toString()) as {
      model: string;
      stream?: boolean;
    };
    const blocks = [{ type: "text" as const, text: "The answer is forty-two." }];
    if (!stream)
      return Response.json({ type: "message", role: "assistant", model, content: blocks, usage: {} });
    return new Response(asEvents(blocks, `message${requests.length}`, model), {
      headers: { "content-type": "text/event-stream" },
    });
  });
  stops.push(() => server[Symbol.asyncDispose]());
  return { origin: server.origin, requests };
}

/** An environment made from nothing; nothing but loopback is needed. */
function environment(): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    HOME: user.home,
    XDG_STATE_HOME: join(user.home, "state"),
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_TELEMETRY: "1",
  };
}

async function run(origin: string, args: readonly string[]) {
  await using child = startChild([BINARY, "run", "--upstream", origin, "--", program, ...args], {
    cwd: user.project,
    env: environment(),
  });
  child.closeInput();
  const code = await within(LONGEST_MS, child.exited, () => child.output() + child.messages());
  return { code, output: child.output(), messages: child.messages() };
}

function hash(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

interface Asked {
  readonly model: string;
  readonly tools: readonly { readonly name: string; readonly defer_loading?: boolean }[];
}

describe("claude -p", () => {
  test(
    "talks to the server through the proxy, whatever the user's settings say, and they stay as they are",
    async () => {
      writeFileSync(settings, JSON.stringify({ env: { ANTHROPIC_BASE_URL: "http://127.0.0.1:1" } }));
      const before = hash(settings);
      const server = upstream();
      const { code, output, messages } = await run(server.origin, ["-p", "What is the answer?"]);
      expect({ code, output }).toEqual({ code: 0, output: "The answer is forty-two.\n" });
      expect(hash(settings)).toBe(before);
      const main = server.requests.at(-1)!;
      const body = JSON.parse(Buffer.from(main.body).toString()) as Asked;
      expect(body.model).toBe("tiny-model");
      expect(body.tools.map(({ name }) => name)).not.toContain("ToolSearch");
      expect(main.headers.get("x-claude-code-request-class")).toBe("main");
      expect(Buffer.from(main.body).toString()).not.toContain("cc_version=2");
      expect(messages).toMatch(/1 request|\d+ requests/);
    },
    LONGEST_MS,
  );

  test(
    "ends with the client's own exit code and words when it refuses its arguments",
    async () => {
      const { code, output, messages } = await run(upstream().origin, ["--no-such-flag"]);
      expect(code).toBe(1);
      expect(output + messages).toContain("--no-such-flag");
    },
    LONGEST_MS,
  );
});

test(
  "in a terminal: the client's screen is its own, Ctrl-Z and fg work, and the summary comes at the end",
  async () => {
    writeFileSync(settings, "{}");
    const server = upstream();
    const screen = terminal(server.origin);
    await screen.until(/live page[\s\S]*log {8}\S+/);
    await screen.until(/❯|> /);
    await Bun.sleep(1_000);
    screen.type("What is the answer?");
    await Bun.sleep(300);
    screen.type("\r");
    await screen.until(/forty-two/);
    screen.type("\x1a");
    await screen.until(/Stopped/);
    screen.type("fg\r");
    await screen.until(/forty-two/);
    screen.type("/exit");
    await Bun.sleep(500);
    screen.type("\r");
    await screen.until(/cache-proxy: \d+ requests?/);
    screen.type("echo code=$?\r");
    await screen.until(/code=0/);
    expect(screen.all()).not.toMatch(/prefill|ev\/s/);
  },
  LONGEST_MS,
);

// --- internal ---

/** An interactive shell in a terminal of 100 columns that starts the client through `run`. */
function terminal(origin: string) {
  let all = "";
  let seen = 0;
  const news = new EventTarget();
  const decoder = new TextDecoder();
  const shell = Bun.spawn(["bash", "--norc", "--noprofile", "-i"], {
    cwd: user.project,
    env: { ...environment(), PS1: "$ " },
    terminal: {
      cols: 100,
      rows: 40,
      data(_, bytes) {
        all += decoder.decode(bytes, { stream: true });
        news.dispatchEvent(new Event("news"));
      },
    },
  });
  stops.push(() => shell.kill("SIGKILL"));
  const type = (keys: string) => void shell.terminal?.write(keys);
  type(`'${BINARY}' run --upstream ${origin} -- '${program}'\r`);
  return {
    type,
    all: () => all,
    /** Resolves when what came since the last match matches. */
    async until(pattern: RegExp): Promise<void> {
      const found = async () => {
        for (;;) {
          const match = pattern.exec(all.slice(seen));
          if (match) {
            seen += match.index + match[0].length;
            return;
          }
          await new Promise((resolve) => news.addEventListener("news", resolve, { once: true }));
        }
      };
      await within(LONGEST_MS / 4, found(), () => `no ${pattern} in ${JSON.stringify(all.slice(seen))}`);
    },
  };
}
