import { describe, expect, test } from "bun:test";
import { hostname } from "node:os";
import { isLoopback, refusal } from "../../src/proxy/guard.ts";
import { ownError, proxyTo } from "../support/proxy.ts";
import { answerText, startUpstream } from "../support/upstream.ts";

const LOOPBACK = { host: "127.0.0.1", allowHosts: ["llm.example", "nas"] };
const EVERYWHERE = { host: "0.0.0.0", allowHosts: [] };

function reasonFor(headers: Record<string, string>, settings = LOOPBACK, path = "/x"): string | undefined {
  return refusal({ method: "GET", path, headers: new Headers(headers) }, settings);
}

function refused(headers: Record<string, string>, settings = LOOPBACK): boolean {
  return reasonFor(headers, settings) !== undefined;
}

describe("Host on a loopback address", () => {
  const ACCEPTED = [
    "localhost",
    "localhost:8081",
    "LocalHost:8081",
    "localhost.",
    "localhost.:8081",
    "app.localhost",
    "127.0.0.1",
    "127.0.0.1:8081",
    "127.9.9.9",
    "[::1]",
    "[::1]:8081",
    "192.168.1.7:8081",
    "203.0.113.5",
    "[2001:db8::1]:8081",
    "[fe80::1%eth0]",
    "host.docker.internal:8081",
    "gateway.docker.internal",
    "host.containers.internal",
    "host.lima.internal",
    "host.orb.internal",
    "host.rancher-desktop.internal",
    "host.k3d.internal",
    "host.minikube.internal",
    hostname(),
    "HOST.DOCKER.INTERNAL.",
    "llm.example",
    "LLM.example:8081",
    "nas.",
  ];
  test.each(ACCEPTED)("%s is accepted", (host) => {
    expect(refused({ host })).toBe(false);
  });

  const REFUSED = [
    "evil.example",
    "evil.example:8081",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1.evil.example",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "[::1].evil.example",
    "::1",
    "llm.example.evil",
    "evil.llm.example",
    "docker.internal",
    "localhost, evil.example",
    "localhost@evil.example",
    "evil.example/localhost",
    "localhost:80:80",
    "",
    ":8081",
    ".",
    "localhost evil",
  ];
  test.each(REFUSED)("%j is refused", (host) => {
    expect(refused({ host })).toBe(true);
  });

  test("a request without Host is refused, but for a load balancer's health check", () => {
    expect(refused({})).toBe(true);
    expect(reasonFor({}, LOOPBACK, "/cache-proxy/health")).toBeUndefined();
    expect(reasonFor({}, LOOPBACK, "/cache-proxy/stats.json")).toBeDefined();
    expect(reasonFor({ host: "evil.example" }, LOOPBACK, "/cache-proxy/health")).toBeDefined();
  });

  test.each(["localhost", "::1", "127.0.0.1", "127.0.0.2"])("the rule holds for a proxy at %s", (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(refused({ host: "evil.example" }, { host, allowHosts: [] })).toBe(true);
  });

  test("on other addresses any name is accepted: other machines know this one by names of their own", () => {
    for (const host of ["0.0.0.0", "::", "192.168.1.7"]) {
      expect(isLoopback(host)).toBe(false);
      expect(refused({ host: "workstation.lan" }, { host, allowHosts: [] })).toBe(false);
    }
  });
});

describe("Origin", () => {
  const host = "localhost:8081";
  const ACCEPTED = [
    "http://localhost:8081",
    "http://localhost:3000",
    "https://localhost",
    "http://127.0.0.1:5173",
    "http://[::1]:8081",
    "http://app.localhost",
    "http://host.docker.internal:8081",
    "https://llm.example",
    "vscode-webview://1a2b3c",
    "tauri://localhost",
  ];
  test.each(ACCEPTED)("%s is accepted", (origin) => {
    expect(refused({ host, origin })).toBe(false);
  });

  const REFUSED = [
    "https://evil.example",
    "http://evil.example:8081",
    "http://localhost.evil.example",
    "http://203.0.113.5",
    "http://localhost@evil.example",
    "null",
    "HTTPS://evil.example",
    "HTTP://EVIL.EXAMPLE",
    "ftp://evil.example",
    "ftp://localhost",
    "wss://evil.example",
    "evil.example",
    "http://",
    "",
  ];
  test.each(REFUSED)("%j is refused", (origin) => {
    expect(refused({ host, origin })).toBe(true);
  });

  test("a page may talk to where it came from, if that is an address or a name of this machine", () => {
    const asks = (name: string, allowHosts: string[] = []) =>
      refused({ host: `${name}:8081`, origin: `http://${name}:8081` }, { host: "0.0.0.0", allowHosts });
    expect(asks("192.168.1.7")).toBe(false);
    expect(asks(hostname())).toBe(false);
    expect(asks("workstation.lan")).toBe(true);
    expect(asks("workstation.lan", ["workstation.lan"])).toBe(false);
    expect(asks("evil.example")).toBe(true);
  });

  test("a rebound page that sends no Origin is known by Sec-Fetch-Site", () => {
    const page = { host: "evil.example:8081", "sec-fetch-site": "same-origin" };
    expect(refused(page, EVERYWHERE)).toBe(true);
    expect(refused({ ...page, host: "192.168.1.7:8081" }, EVERYWHERE)).toBe(false);
  });

  test("images, frames and scripts of another page are refused, a link and an address typed in are not", () => {
    const from = (site: string, mode: string, dest: string) =>
      refused({ host, "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest });
    expect(from("cross-site", "no-cors", "image")).toBe(true);
    expect(from("cross-site", "navigate", "iframe")).toBe(true);
    expect(from("cross-site", "cors", "empty")).toBe(true);
    expect(from("cross-site", "navigate", "document")).toBe(false);
    expect(from("none", "navigate", "document")).toBe(false);
    expect(from("same-origin", "cors", "empty")).toBe(false);
  });

  test("a page elsewhere is refused on every address", () => {
    expect(refused({ host: "192.168.1.7:8081", origin: "https://evil.example" }, EVERYWHERE)).toBe(true);
  });
});

describe("a refusal", () => {
  test("is a 403 that says why and which flag allows it, and nothing reaches the upstream", async () => {
    await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
    await using proxy = proxyTo(upstream.origin);
    const byHost = await fetch(`${proxy.url}/v1/models`, { headers: { host: "evil.example:8081" } });
    expect(byHost.status).toBe(403);
    expect(await ownError(byHost)).toBe(
      'cache-proxy: requests for host "evil.example:8081" are refused (DNS rebinding); start the proxy with --allow-host evil.example to accept them',
    );
    const byOrigin = await fetch(`${proxy.url}/v1/models`, { headers: { origin: "https://evil.example" } });
    expect(byOrigin.status).toBe(403);
    expect(await ownError(byOrigin)).toBe(
      'cache-proxy: requests from web pages at "https://evil.example" are refused; start the proxy with --allow-host evil.example to accept them',
    );
    expect(upstream.requests).toEqual([]);
  });

  test("covers the proxy's own pages too", async () => {
    await using proxy = proxyTo("http://127.0.0.1:9", { own: () => new Response("figures") });
    const answer = await fetch(`${proxy.url}/cache-proxy/`, { headers: { host: "evil.example" } });
    expect(answer.status).toBe(403);
  });

  test("is undone by --allow-host", async () => {
    await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
    await using proxy = proxyTo(upstream.origin, { allowHosts: ["llm.example"] });
    const answer = await fetch(`${proxy.url}/`, {
      headers: { host: "llm.example", origin: "https://llm.example" },
    });
    expect(answer.status).toBe(200);
  });

  test("stays short whatever the header holds", () => {
    const long = "x".repeat(5000);
    for (const headers of [
      { host: `${long}/` },
      { host: long },
      { host: "localhost", origin: `http://${long}` },
    ])
      expect(reasonFor(headers)?.length).toBeLessThan(300);
  });
});

test("a proxy on all addresses serves names that it does not know", async () => {
  await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
  await using proxy = proxyTo(upstream.origin, { host: "0.0.0.0" });
  const answer = await fetch(`http://127.0.0.1:${proxy.port}/`, { headers: { host: "workstation.lan" } });
  expect(await answer.text()).toBe("ok");
});
