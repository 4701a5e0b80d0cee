import { describe, expect, test } from "bun:test";
import { check } from "../../../src/cli/doctor/checks.ts";
import type { Observed, ReplicasSeen, TemplateSeen } from "../../../src/cli/doctor/observed.ts";

const URL = "http://localhost:8080";
const TEMPLATE: TemplateSeen = {
  systemTurns: "kept",
  twoUserTurns: "accepted",
  tools: "shown",
  earlierThinking: "kept",
};
const ONE_SERVER: ReplicasSeen = { names: [], header: "x-served-by", processes: 1, kinds: 1 };
const GOOD: Observed = {
  url: URL,
  addresses: [{ address: "127.0.0.1", family: 4, isOpen: true }],
  status: 200,
  facts: { build: "b11549", model: "qwen", slots: 2, context: 131_072, strictAlternation: false },
  isRouter: false,
  models: ["qwen"],
  hasKey: false,
  slots: { total: 2, held: 0, busy: 0, showsFigures: true },
  endpoints: { slots: 200, metrics: 200 },
  template: TEMPLATE,
  replicas: ONE_SERVER,
  client: {
    version: "2.1.332",
    env: { ENABLE_TOOL_SEARCH: "false", CLAUDE_CODE_MAX_CONTEXT_TOKENS: "131072" },
  },
  port: { number: 8081, isTaken: false },
  version: "0.1.0",
};
const facts = (change: object) => ({ facts: { ...GOOD.facts!, ...change } });
const template = (change: Partial<TemplateSeen>) => ({ template: { ...TEMPLATE, ...change } });
const replicas = (change: Partial<ReplicasSeen>) => ({ replicas: { ...ONE_SERVER, ...change } });
const env = (change: Record<string, string | undefined>) => ({
  client: { ...GOOD.client, env: { ...GOOD.client.env, ...change } },
});
const proxy = (change: object, isTaken = true) => ({ port: { number: 8081, isTaken, ...change } });

test("a good set-up has nothing but ok, and every id once", () => {
  const findings = check(GOOD);
  expect(findings.filter(({ status }) => status !== "ok")).toEqual([]);
  const ids = findings.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

describe("what differs from it is found", () => {
  test.each<[string, Partial<Observed>, string, "note" | "problem", string]>([
    [
      "nothing answers",
      { cause: "connection refused", status: undefined, facts: undefined },
      "server.reachable",
      "problem",
      "--upstream",
    ],
    [
      "an unknown host",
      { cause: "there is no host of that name", addresses: [], status: undefined, facts: undefined },
      "server.reachable",
      "problem",
      "host name",
    ],
    [
      "another cache-proxy",
      { proxyAsUpstream: { instance: "a", upstream: "http://gpu:8080" } },
      "server.reachable",
      "note",
      "own address",
    ],
    [
      "another program",
      { status: 404, facts: undefined, models: [] },
      "server.reachable",
      "problem",
      "--upstream",
    ],
    ["a key is missing", { status: 401, facts: undefined }, "server.key", "problem", "ANTHROPIC_AUTH_TOKEN"],
    ["a wrong key", { status: 401, facts: undefined, hasKey: true }, "server.key", "problem", "--api-key"],
    ["a model that is loading", { status: 503, facts: undefined }, "server.loaded", "problem", "wait"],
    ["a sleeping server", facts({ sleeping: true }), "server.loaded", "note", "--sleep-idle-seconds"],
    [
      "a small context",
      { ...facts({ context: 8_192 }), ...env({ CLAUDE_CODE_MAX_CONTEXT_TOKENS: undefined }) },
      "server.context",
      "problem",
      "--ctx-size",
    ],
    [
      "a tight context",
      { ...facts({ context: 49_152 }), ...env({ CLAUDE_CODE_MAX_CONTEXT_TOKENS: "49152" }) },
      "server.context",
      "note",
      "--ctx-size",
    ],
    ["no tools", template({ tools: "dropped" }), "template.tools", "problem", "--chat-template-file"],
    ["thinking dropped", template({ earlierThinking: "dropped" }), "template.thinking", "note", ""],
    [
      "thinking that can be kept",
      template({ earlierThinking: "dropped", keepsThinkingWith: '{"preserve_thinking":true}' }),
      "template.thinking",
      "note",
      "--chat-template-kwargs '{\"preserve_thinking\":true}'",
    ],
    [
      "system turns refused, and kept by a running proxy",
      {
        ...template({ systemTurns: "refused" }),
        ...proxy({ proxy: { upstream: URL, system_turns: "keep" } }),
      },
      "template.system-turns",
      "problem",
      "without --system-turns keep",
    ],
    ["no /slots", { endpoints: { slots: 501, metrics: 200 } }, "server.slots", "note", "--no-slots"],
    ["no /metrics", { endpoints: { slots: 200, metrics: 501 } }, "server.metrics", "note", "--metrics"],
    [
      "a balancer that leaves no trace",
      replicas({ processes: 2 }),
      "server.replicas",
      "note",
      "`http-response set-header x-served-by %s` in HAProxy",
    ],
    [
      "a balancer that names all its servers alike",
      replicas({ processes: 2, names: ["llama"] }),
      "server.replicas",
      "note",
      "--replica-header",
    ],
    [
      "nginx, perhaps with several servers",
      replicas({ gateway: "nginx" }),
      "server.replicas",
      "note",
      "`add_header x-served-by $upstream_addr always;`",
    ],
    [
      "Caddy, with several servers",
      replicas({ gateway: "caddy", processes: 2 }),
      "server.replicas",
      "note",
      "`header_down x-served-by {http.reverse_proxy.upstream.hostport}`",
    ],
    ["no client", { client: { env: GOOD.client.env } }, "client.version", "note", ""],
    [
      "tool search",
      env({ ENABLE_TOOL_SEARCH: "true" }),
      "client.tool-search",
      "note",
      "ENABLE_TOOL_SEARCH=false",
    ],
    [
      "a client that believes in so little context that it compacts in every turn",
      env({ CLAUDE_CODE_MAX_CONTEXT_TOKENS: "32768" }),
      "client.context",
      "problem",
      "CLAUDE_CODE_MAX_CONTEXT_TOKENS=131072",
    ],
    [
      "a client that believes in more context",
      env({ CLAUDE_CODE_MAX_CONTEXT_TOKENS: "200000" }),
      "client.context",
      "problem",
      "CLAUDE_CODE_MAX_CONTEXT_TOKENS=131072",
    ],
    [
      "a client past the proxy",
      env({ ANTHROPIC_BASE_URL: "http://127.0.0.1:8080/" }),
      "client.base-url",
      "problem",
      "proxy",
    ],
    ["another provider", env({ CLAUDE_CODE_USE_VERTEX: "1" }), "client.base-url", "problem", "unset"],
    ["a stranger on the port", proxy({}), "proxy.port", "note", "--port"],
    [
      "a proxy in front of another server",
      proxy({ proxy: { upstream: "http://other" } }),
      "proxy.port",
      "note",
      "",
    ],
    [
      "a proxy of another version",
      proxy({ proxy: { upstream: URL, version: "0.0.9" } }),
      "proxy.port",
      "note",
      "restart",
    ],
  ])("%s", (_, change, id, status, advice) => {
    const findings = check({ ...GOOD, ...change }).filter((finding) => finding.status !== "ok");
    const found = findings.find((finding) => finding.id === id);
    expect(found?.status).toBe(status);
    expect(found?.advice ?? "").toContain(advice);
    const others = findings.filter((finding) => finding.id !== id);
    expect(others.filter((finding) => finding.status === "problem")).toEqual([]);
  });
});

test("system turns that the template refuses are no problem where the proxy folds them", () => {
  const findings = check({ ...GOOD, ...template({ systemTurns: "refused" }) });
  expect(findings.find(({ id }) => id === "template.system-turns")).toMatchObject({ status: "ok" });
});

describe("servers after a balancer", () => {
  const found = (change: Partial<ReplicasSeen>) =>
    check({ ...GOOD, ...replicas(change) }).find(({ id }) => id === "server.replicas");

  test("are no problem where it names them: each is asked for its own facts", () => {
    const named = found({ names: ["llama1", "llama2"], processes: 2 });
    expect(named?.status).toBe("ok");
    expect(named?.seen).toContain("(llama1, llama2): each is asked for its own facts");
    expect(named?.seen).not.toContain("different");
  });

  test("are taken for equal where it does not, and doctor says whether they are", () => {
    expect(found({ processes: 2 })?.seen).toContain("taken for equal");
    expect(found({ processes: 2 })?.seen).not.toContain("different");
    expect(found({ processes: 2, kinds: 2 })?.seen).toContain("2 different models, builds or templates");
  });
});

test("every finding is one line, whatever a server says", () => {
  const nasty = "\x1b[2J\nmodel".repeat(30);
  const findings = check({
    ...GOOD,
    ...facts({ model: nasty, build: nasty }),
    ...replicas({ gateway: nasty, names: [nasty] }),
  });
  for (const { seen, advice } of findings) expect(`${seen}${advice ?? ""}`).not.toMatch(/\p{Cc}/u);
});
