import { expect, test } from "bun:test";
import { createRepairs } from "../../src/proxy/repairs.ts";
import { SessionMemory } from "../../src/session/memory.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { proxyTo } from "../support/proxy.ts";
import { answerText, startUpstream } from "../support/upstream.ts";

const BODY = JSON.stringify({ system: "S", messages: [{ role: "user", content: "U" }] });

test("every forwarded inference request names its conversation, and no other request does", async () => {
  await using upstream = await startUpstream((connection) => connection.write(answerText("ok")));
  const settings = { systemTurns: "fold", tools: "stable", projectParagraphs: "move" } as const;
  const repair = createRepairs(
    settings,
    new Upstream({ origin: upstream.origin, basePath: "" }),
    new SessionMemory(),
  );
  await using proxy = proxyTo(upstream.origin, { repair });
  const session = { "x-claude-code-session-id": "s1" };

  await post(`${proxy.url}/v1/messages`, session);
  await post(`${proxy.url}/v1/messages?beta=true`, session);
  await post(`${proxy.url}/v1/messages`, {});
  await post(`${proxy.url}/v1/messages`, { "x-cache-proxy-conversation": "mine" });
  await post(`${proxy.url}/v1/messages/count_tokens`, session);

  const posted = upstream.requests.filter(({ method }) => method === "POST");
  const keys = posted.map((request) => request.header("x-cache-proxy-conversation"));
  expect(keys[0]).toMatch(/^[0-9a-f]{16}$/);
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).toMatch(/^[0-9a-f]{16}$/);
  expect(keys[2]).not.toBe(keys[0]);
  expect(keys.slice(3)).toEqual(["mine", undefined]);
});

// --- internal ---

async function post(url: string, headers: Record<string, string>): Promise<void> {
  await (await fetch(url, { method: "POST", body: BODY, headers })).text();
}
