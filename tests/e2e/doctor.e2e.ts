import { afterAll, expect, test } from "bun:test";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import type { ModelKind } from "./setup/models.ts";
import { startBalancer } from "./support/balancer.ts";
import { startChild, within } from "./support/child.ts";
import { newUser } from "./support/claude.ts";
import { type LlamaServer, type LlamaSettings, startLlamaServer } from "./support/llama-server.ts";
import { BINARY, startProxy } from "./support/proxy.ts";
import { listen } from "./support/recording.ts";

/**
 * Set-ups that are wrong on purpose, on real llama-servers: doctor must name what is wrong and the flag that mends it, and nothing else.
 * A self-test takes several seconds on two cores.
 */
const user = newUser();
const servers: LlamaServer[] = [];
const MINUTE_MS = 60_000;
/** A few seconds are normal; only a hanging or a very busy machine takes this long. */
const LONGEST_MS = 3 * MINUTE_MS;

afterAll(async () => {
  user[Symbol.dispose]();
  for (const server of servers) await server[Symbol.asyncDispose]();
});

async function server(kind: ModelKind, template: string, settings: LlamaSettings = {}): Promise<string> {
  const started = await startLlamaServer(kind, template, settings);
  servers.push(started);
  return started.origin;
}

interface Report {
  readonly findings: readonly Finding[];
  readonly self_test?: {
    readonly repaired: readonly { readonly id: string; readonly evaluated_tokens?: number }[];
  };
}

async function doctor(origin: string, flags: readonly string[] = [], env: Record<string, string> = {}) {
  const words = [BINARY, "doctor", "--json", "--yes", "--port", "1", "--upstream", origin, ...flags];
  await using child = startChild(words, {
    cwd: user.project,
    env: { PATH: "/usr/bin:/bin", HOME: user.home, ...env },
  });
  child.closeInput();
  const code = await within(2 * MINUTE_MS, child.exited, () => child.output() + child.messages());
  const report = JSON.parse(child.output()) as Report;
  return { code, report, problems: report.findings.filter(({ status }) => status === "problem") };
}

function only(problems: readonly Finding[], id: string, advice: string): void {
  expect(problems.map((finding) => finding.id)).toEqual([id]);
  expect(problems[0]?.advice).toContain(advice);
}

test(
  "a good set-up has no problem, and the figures are those of a warm cache",
  async () => {
    const { code, report, problems } = await doctor(await server("dense", "Qwen3-Coder.jinja"));
    expect({ code, problems }).toEqual({ code: 0, problems: [] });
    const evaluated = (id: string) =>
      report.self_test?.repaired.find((step) => step.id === id)?.evaluated_tokens;
    expect(evaluated("cold")).toBeGreaterThan(4_000);
    expect(evaluated("session")).toBeLessThan(50);
    expect(evaluated("control")).toBeGreaterThan(4_000);
  },
  LONGEST_MS,
);

test(
  "the context is too small",
  async () => {
    const origin = await server("dense", "Qwen3-Coder.jinja", { n_ctx: 16_384 });
    const { code, problems } = await doctor(origin, ["--no-self-test"]);
    expect(code).toBe(1);
    only(problems, "server.context", "--ctx-size");
  },
  LONGEST_MS,
);

test(
  "a template refuses system turns, and a running proxy keeps them",
  async () => {
    const origin = await server("dense", "Qwen3.5-4B.jinja");
    await using proxy = await startProxy(origin, "--system-turns", "keep");
    const port = new URL(proxy.origin).port;
    const { problems } = await doctor(origin, ["--no-self-test", "--port", port]);
    only(problems, "template.system-turns", "without --system-turns keep");
    const { problems: none } = await doctor(origin, ["--no-self-test"]);
    expect(none).toEqual([]);
  },
  LONGEST_MS,
);

test(
  "--cache-ram 0, where two conversations share a slot",
  async () => {
    const { problems } = await doctor(await server("dense", "Qwen3-Coder.jinja", { cache_ram_mib: 0 }));
    only(problems, "cache.ram", "--cache-ram 0");
  },
  LONGEST_MS,
);

test(
  "the key is missing, and then it is there",
  async () => {
    const origin = await server("dense", "Qwen3-Coder.jinja", { api_keys: ["secret"] });
    const { problems } = await doctor(origin, ["--no-self-test"]);
    only(problems, "server.key", "ANTHROPIC_AUTH_TOKEN");
    const { problems: none } = await doctor(origin, ["--no-self-test"], { ANTHROPIC_AUTH_TOKEN: "secret" });
    expect(none).toEqual([]);
  },
  LONGEST_MS,
);

test("nothing listens on the port", async () => {
  const { code, problems } = await doctor("http://127.0.0.1:1");
  expect(code).toBe(1);
  only(problems, "server.reachable", "--upstream");
});

test("another program listens on the port", async () => {
  await using other = listen(async () => new Response("hello"));
  const { problems } = await doctor(other.origin);
  only(problems, "server.reachable", "--upstream");
});

test("the model is still loading", async () => {
  const error = { code: 503, message: "Loading model", type: "unavailable_error" };
  await using loading = listen(async () =>
    Response.json({ error }, { status: 503, headers: { server: "llama.cpp" } }),
  );
  const { problems } = await doctor(loading.origin);
  only(problems, "server.loaded", "wait");
});

test(
  "the server reports no cached tokens",
  async () => {
    const { problems } = await doctor(await server("dense", "Qwen3-Coder.jinja", { build: "early-2026" }));
    only(problems, "server.cached-tokens", "update llama-server");
  },
  LONGEST_MS,
);

test(
  "a hybrid model with llama-server's default distance between checkpoints",
  async () => {
    const { problems } = await doctor(
      await server("hybrid", "Qwen3-Coder.jinja", { checkpoint_min_step: 8_192 }),
    );
    only(problems, "cache.checkpoints", "--checkpoint-min-step 256");
  },
  LONGEST_MS,
);

test(
  "a hybrid model with checkpoints close to each other has no problem",
  async () => {
    const { problems } = await doctor(await server("hybrid", "Qwen3-Coder.jinja"));
    expect(problems).toEqual([]);
  },
  LONGEST_MS,
);

test(
  "two servers after a balancer are told apart where it names them, else taken for equal",
  async () => {
    const start = () => server("dense", "Qwen3-Coder.jinja");
    const origins = await Promise.all([start(), start()]);
    for (const [kind, line] of [
      ["haproxy", "http-response set-header x-served-by %s"],
      ["nginx", "add_header x-served-by $upstream_addr always;"],
    ] as const) {
      await using balancer = await startBalancer({ kind, servers: origins, slots: 1 });
      const seen = async (...flags: string[]) => {
        const { code, report } = await doctor(balancer.origin, flags);
        const find = (id: string) => report.findings.find((finding) => finding.id === id);
        return { code, replicas: find("server.replicas"), selfTest: find("self-test.run")?.seen };
      };
      const named = await seen();
      expect([named.code, named.replicas?.status]).toEqual([0, "ok"]);
      expect(named.replicas?.seen).toContain("each is asked for its own facts");
      expect(named.selfTest).toContain("several servers answer");
      // The same balancer for a user who expects the names elsewhere.
      const unnamed = await seen("--replica-header", "x-other");
      expect([unnamed.code, unnamed.replicas?.status]).toEqual([0, "note"]);
      expect(unnamed.replicas?.seen).toContain("several servers answer");
      expect(unnamed.replicas?.seen).toContain("taken for equal");
      expect(unnamed.replicas?.advice).toContain(line);
      console.log(`${kind}: ${named.replicas?.seen}\n${kind}: ${unnamed.replicas?.seen}`);
    }
  },
  LONGEST_MS,
);

test(
  "what a slot holds is displaced with --yes only",
  async () => {
    const origin = await server("dense", "Qwen3-Coder.jinja");
    await fetch(`${origin}/v1/messages`, {
      keepalive: false,
      method: "POST",
      body: JSON.stringify({ max_tokens: 1, messages: [{ role: "user", content: "hello" }] }),
    });
    const words = [BINARY, "doctor", "--json", "--port", "1", "--upstream", origin];
    await using child = startChild(words, {
      cwd: user.project,
      env: { PATH: "/usr/bin:/bin", HOME: user.home },
    });
    child.closeInput();
    expect(await child.exited).toBe(0);
    const { findings } = JSON.parse(child.output()) as Report;
    expect(findings.find(({ id }) => id === "self-test.run")?.advice).toContain("--yes");
  },
  LONGEST_MS,
);

test(
  "the self-test gives way to a real request",
  async () => {
    const origin = await server("dense", "Qwen3-Coder.jinja", { n_parallel: 2, n_ctx: 65_536 });
    const words = [BINARY, "doctor", "--json", "--port", "1", "--upstream", origin];
    await using child = startChild(words, {
      cwd: user.project,
      env: { PATH: "/usr/bin:/bin", HOME: user.home },
    });
    child.closeInput();
    await child.said(/tokens\/s/);
    const content = Array.from({ length: 3_000 }, (_, index) => `word ${index}`).join(" ");
    await fetch(`${origin}/v1/messages`, {
      keepalive: false,
      method: "POST",
      body: JSON.stringify({ max_tokens: 1, messages: [{ role: "user", content }] }),
    });
    await child.exited;
    const { findings } = JSON.parse(child.output()) as Report;
    expect(findings.find(({ id }) => id === "self-test.complete")?.seen).toContain("another request");
  },
  LONGEST_MS,
);
