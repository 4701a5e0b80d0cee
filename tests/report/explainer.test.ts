import { expect, test } from "bun:test";
import type { Difference } from "../../src/prefix/difference.ts";
import { freeBody } from "../../src/proxy/body.ts";
import { Explainer } from "../../src/report/explainer.ts";
import { Failures } from "../../src/report/failures.ts";
import type { RequestRecord } from "../../src/report/record.ts";
import { Recorder } from "../../src/report/recorder.ts";
import { describe as described, readHead } from "../../src/request/request.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { Witness } from "../../src/upstream/witness.ts";
import { assistant, type Body, tool, user, words } from "../prefix/requests.ts";

const JSON_TYPE = new Headers({ "content-type": "application/json" });
/** Large enough for its memory to be freed after sending. */
const FIRST: Body = { tools: [tool("Bash")], messages: [user(words("secret", 3_000))] };
const NEXT: Body = { ...FIRST, messages: [...FIRST.messages!, assistant("a"), user("b")] };

/** A server whose process may be replaced by a later one. */
function given(onDifference?: (found: Difference) => void) {
  const state = { start: 1000, asked: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      if (!request.url.endsWith("/metrics")) return Response.json({ total_slots: 1, model_alias: "m" });
      state.asked += 1;
      return new Response("", { headers: { "process-start-time-unix": String(state.start) } });
    },
  });
  const upstream = new Upstream({ origin: `http://127.0.0.1:${server.port}`, basePath: "" });
  const explainer = new Explainer({
    witness: new Witness(upstream),
    speed: () => 1000,
    replicaOf: () => undefined,
    onDifference,
  });
  const recorder = new Recorder(new Failures(), explainer);
  const records: RequestRecord[] = [];
  recorder.listen({ ended: (record) => void records.push(record) });
  /** A request and its answer. */
  async function serve(body: Body, cached: number, evaluated: number): Promise<void> {
    const headers = new Headers({ "x-claude-code-session-id": "s1", "user-agent": "claude-cli/2.1.330" });
    const head = readHead("POST", "/v1/messages", headers, performance.now());
    const observation = recorder.begin(described(head, { tools: 1 }, 1));
    const bytes = Buffer.from(new Uint8Array(Buffer.from(JSON.stringify(body))).buffer);
    observation.sending?.("/v1/messages", bytes);
    observation.sent();
    freeBody(bytes);
    observation.answered(200, JSON_TYPE);
    const usage = { input_tokens: evaluated, cache_read_input_tokens: cached };
    observation.chunk(Buffer.from(JSON.stringify({ usage })));
    observation.end("complete");
  }
  return { state, recorder, records, explainer, serve, [Symbol.asyncDispose]: () => server.stop(true) };
}

test("a first request is a cold start, and a plain next turn has no cause and asks the server nothing", async () => {
  await using one = given();
  await one.serve(FIRST, 0, 9_000);
  await one.recorder.settled();
  await Bun.sleep(50);
  const asked = one.state.asked;
  await one.serve(NEXT, 9_000, 40);
  await one.recorder.settled();
  expect(one.records.map(({ cause }) => cause?.id)).toEqual(["first_request", undefined]);
  expect(one.records[0]?.cause).toMatchObject({ tokens: 9_000, seconds: 9 });
  expect(one.state.asked).toBe(asked);
});

test("a loss waits for what the server says", async () => {
  await using one = given();
  await one.serve(FIRST, 0, 9_000);
  await one.recorder.settled();
  await Bun.sleep(50);
  one.state.start = 1010;
  await one.serve(NEXT, 0, 9_040);
  one.recorder.flush();
  expect(one.records.length).toBe(1);
  await one.recorder.settled();
  expect(one.records[1]?.cause).toMatchObject({ id: "server_restarted", certain: true, tokens: 9_000 });
});

test("nothing is lost if the proxy stops before the server has answered", async () => {
  await using one = given();
  await one.serve(FIRST, 0, 9_000);
  await one.serve(NEXT, 0, 9_040);
  one.recorder.close();
  expect(one.records.map(({ cause }) => cause?.id)).toEqual(["first_request", "unknown"]);
  await one.recorder.settled();
  expect(one.records.length).toBe(2);
});

test("a request is compared with the one before, section by section, without a word of the prompt", async () => {
  await using one = given();
  await one.serve(FIRST, 0, 9_000);
  await one.serve({ ...NEXT, tools: [tool("Bash"), tool("Read")] }, 100, 9_000);
  await one.recorder.settled();
  const view = one.explainer.view(2);
  expect(view).toMatchObject({ compared_with: 1, record: { id: 2, cause: { id: "tools_added" } } });
  expect(view?.sections.map(({ name, equal }) => `${name} ${equal}`)).toEqual([
    "tool Bash true",
    "tool Read false",
    "message 1 user text true",
    "message 2 assistant text false",
    "message 3 user text false",
  ]);
  expect(JSON.stringify(view)).not.toContain("secret1");
  expect(one.explainer.view(3)).toBeUndefined();
});

test("the text of a difference is shown only to those who ask for it", async () => {
  const shown: Difference[] = [];
  await using one = given((found) => shown.push(found));
  await one.serve(FIRST, 0, 9_000);
  await one.serve({ ...NEXT, tools: [tool("Bash", "Runs commands")] }, 10, 9_000);
  await one.recorder.settled();
  expect(shown.length).toBe(1);
  expect(shown[0]?.after).toContain("Runs commands");
  expect(shown[0]?.before).toContain("What Bash does");
});
