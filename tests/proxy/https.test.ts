import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate, key } from "../support/certificate.ts";
import { ownError, proxyTo } from "../support/proxy.ts";

/** Answers with the target that it was asked for, and in how many bytes of body. */
function secureUpstream(): Bun.Server<undefined> {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: certificate, key },
    fetch: async (request) =>
      new Response(`${new URL(request.url).pathname} ${(await request.bytes()).length}`),
  });
}

test("an https upstream is not asked when its certificate is not trusted, and the error says so", async () => {
  using upstream = secureUpstream();
  await using proxy = proxyTo(upstream.url.origin);
  const answer = await fetch(proxy.url, { method: "POST", body: "secret" });
  expect(answer.status).toBe(502);
  expect(await ownError(answer)).toMatch(
    /^cache-proxy: cannot reach llama-server at https:.*: .*certificate/,
  );
});

test("an https upstream is asked when its certificate is trusted", async () => {
  using upstream = secureUpstream();
  const folder = mkdtempSync(join(tmpdir(), "cache-proxy-"));
  const authority = join(folder, "ca.pem");
  writeFileSync(authority, certificate);
  const script = `
    import { get } from "node:http";
    import { Upstream } from ${JSON.stringify(import.meta.resolve("../../src/upstream/upstream.ts"))};
    import { NOBODY } from ${JSON.stringify(import.meta.resolve("../support/unobserved.ts"))};
    import { startProxy } from ${JSON.stringify(import.meta.resolve("../../src/proxy/server.ts"))};
    const proxy = startProxy({ host: "127.0.0.1", port: 0, allowHosts: [], upstream: new Upstream({ origin: "${upstream.url.origin}", basePath: "" }), observer: NOBODY,
      repair: (body) => ({ body, notes: [], facts: {} }) });
    console.log(await (await fetch(proxy.url + "/x", { method: "POST", body: "five!" })).text());
    get({ host: "127.0.0.1", port: proxy.port, path: "//y" }, async (answer) => {
      console.log(Buffer.concat(await answer.toArray()).toString());
      process.exit(0);
    });`;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority };
  const child = Bun.spawn([process.execPath, "-e", script], { env, stdout: "pipe" });
  expect(await new Response(child.stdout).text()).toBe("/x 5\n/y 0\n");
  rmSync(folder, { recursive: true });
});

test("http spoken to an https upstream's port, or the other way round, is a 502", async () => {
  using secure = secureUpstream();
  using plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  for (const origin of [`http://127.0.0.1:${secure.port}`, `https://127.0.0.1:${plain.port}`]) {
    await using proxy = proxyTo(origin);
    const answer = await fetch(proxy.url);
    expect(answer.status).toBe(502);
    expect(await ownError(answer)).toContain(`cannot reach llama-server at ${origin}: `);
  }
});
