import { expect, test } from "bun:test";
import { Failures } from "../../src/report/failures.ts";
import type { Listener } from "../../src/report/listener.ts";
import { RecordRing, type RequestRecord } from "../../src/report/record.ts";
import { Recorder } from "../../src/report/recorder.ts";
import type { Observation, Outcome } from "../../src/request/observer.ts";
import { type ClientRequest, describe, readHead } from "../../src/request/request.ts";
import { BARE } from "./records.ts";

const SSE = new Headers({ "content-type": "text/event-stream" });

const HEADERS = {
  "user-agent": "claude-cli/2.1.330 (external, cli)",
  "x-claude-code-session-id": "s1",
  authorization: "Bearer secret-key",
};
const FACTS = { model: "m", stream: true, tools: 14 };

function request(path = "/v1/messages"): ClientRequest {
  return describe(readHead("POST", path, new Headers(HEADERS), performance.now()), FACTS, 80_000);
}

function event(data: object): Uint8Array {
  return Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
}

const START = event({
  type: "message_start",
  message: { usage: { input_tokens: 300, cache_read_input_tokens: 20, output_tokens: 0 } },
});
const TEXT = event({ type: "content_block_delta", delta: { text: "the secret answer" } });
const END = event({ type: "message_delta", usage: { output_tokens: 7 } });

/** A recorder, and everything that its listener has heard, in order. */
function listening(): { recorder: Recorder; heard: string[]; records: RequestRecord[] } {
  const heard: string[] = [];
  const records: RequestRecord[] = [];
  const recorder = new Recorder(new Failures());
  recorder.listen({
    sent: ({ id }) => void heard.push(`sent ${id}`),
    answering: ({ id }) => void heard.push(`answering ${id}`),
    ended: (record) => {
      heard.push(`ended ${record.id}`);
      records.push(record);
    },
    passed: (outcome, status) => void heard.push(`passed ${outcome} ${status}`),
    rewritten: ({ path }, { before, after, notes }) =>
      void heard.push(`rewritten ${path} ${before} ${after} ${notes}`),
  });
  return { recorder, heard, records };
}

test("a streamed answer becomes a record", () => {
  const { recorder, heard, records } = listening();
  const observation = recorder.begin(request());
  observation.sent();
  observation.answered(200, SSE);
  observation.chunk(START);
  recorder.flush();
  expect(heard).toEqual(["sent 1"]);
  observation.chunk(TEXT);
  recorder.flush();
  expect(heard).toEqual(["sent 1", "answering 1"]);
  observation.chunk(END);
  observation.end("complete");
  recorder.flush();
  expect(heard).toEqual(["sent 1", "answering 1", "ended 1"]);
  expect(records[0]).toMatchObject({
    ...{
      id: 1,
      endpoint: "/v1/messages",
      model: "m",
      session: "s1",
      agent: "main",
      stream: true,
      request_bytes: 80_000,
    },
    ...{ status: 200, outcome: "complete" },
    ...{ prompt_tokens: 320, cached_tokens: 20, evaluated_tokens: 300, output_tokens: 7 },
  });
  recorder.flush();
  const { added_ms, first_byte_ms, first_token_ms, total_ms, time } = records[0]!;
  const times = [0, added_ms!, first_byte_ms!, first_token_ms!, total_ms];
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
});

test("no request waits for a listener: it hears about it a moment later", async () => {
  const { recorder, heard } = listening();
  const observation = recorder.begin(request());
  observation.sent();
  observation.end("complete");
  expect(heard).toEqual([]);
  while (heard.length === 0) await Bun.sleep(1);
  expect(heard).toEqual(["sent 1", "ended 1"]);
});

test("a record holds nothing of the prompt, the answer or the key", () => {
  const { recorder, records } = listening();
  const observation = recorder.begin(request());
  observation.sent();
  observation.answered(200, SSE);
  for (const chunk of [START, TEXT, END]) observation.chunk(chunk);
  observation.end("complete");
  recorder.flush();
  expect(JSON.stringify(records)).not.toContain("secret");
});

test("comments, pings and chunks before the upstream's headers are not an answer", () => {
  const { recorder, heard, records } = listening();
  const observation = recorder.begin(request());
  observation.sent();
  observation.chunk(event({ type: "ping" }));
  observation.answered(200, SSE);
  observation.chunk(Buffer.from(": still here\n\n"));
  observation.chunk(event({ type: "ping" }));
  observation.end("client_gone");
  recorder.flush();
  expect(heard).toEqual(["sent 1", "ended 1"]);
  expect(records[0]).toMatchObject({ outcome: "client_gone", status: 200 });
  expect(records[0]).not.toHaveProperty("first_token_ms");
  expect(records[0]).not.toHaveProperty("prompt_tokens");
});

test("an upstream that cannot be reached leaves no status and no figures", () => {
  const { recorder, records } = listening();
  const bare = describe(readHead("POST", "/v1/messages", new Headers(), performance.now()), {}, undefined);
  recorder.begin(bare).end("unreachable");
  recorder.flush();
  const { time, total_ms, ...rest } = records[0]!;
  expect(rest).toEqual({ id: 1, endpoint: "/v1/messages", outcome: "unreachable" });
});

test("a compressed answer passes unread", () => {
  const { recorder, heard, records } = listening();
  const observation = recorder.begin(request());
  observation.sent();
  observation.answered(200, new Headers({ "content-type": "text/event-stream", "content-encoding": "gzip" }));
  observation.chunk(START);
  observation.end("complete");
  recorder.flush();
  expect(heard).toEqual(["sent 1", "answering 1", "ended 1"]);
  expect(records[0]).not.toHaveProperty("prompt_tokens");
});

test("requests that are not for inference are only counted", () => {
  const { recorder, heard } = listening();
  const ends: [path: string, outcome: Outcome, status?: number][] = [
    ["/v1/messages/count_tokens", "complete", 200],
    ["/", "unreachable"],
  ];
  for (const [path, outcome, status] of ends) {
    const observation = recorder.begin(request(path));
    observation.sent();
    if (status) observation.answered(status, new Headers());
    observation.chunk(START);
    observation.end(outcome);
  }
  recorder.flush();
  expect(heard).toEqual(["passed complete 200", "passed unreachable undefined"]);
});

test("listeners hear what became of the body of every request", () => {
  const { recorder, heard } = listening();
  for (const path of ["/v1/messages", "/tokenize"])
    recorder.begin(request(path)).rewritten({ before: 9, after: 7, notes: ["shorter"] });
  recorder.flush();
  expect(heard).toEqual(["rewritten /v1/messages 9 7 shorter", "rewritten /tokenize 9 7 shorter"]);
});

test("ids count up in order of arrival", () => {
  const { recorder, heard } = listening();
  const [first, second] = [recorder.begin(request()), recorder.begin(request())];
  second.end("complete");
  first.end("complete");
  recorder.flush();
  expect(heard).toEqual(["ended 2", "ended 1"]);
});

test("a listener that throws stops neither the request nor the other listeners", () => {
  const broken: Listener = {
    sent: () => {
      throw new Error("no disk");
    },
    ended: () => {
      throw new Error("no disk");
    },
  };
  const ended: number[] = [];
  const failures = new Failures();
  const recorder = new Recorder(failures);
  recorder.listen(broken);
  recorder.listen({ ended: ({ id }) => void ended.push(id) });
  const observation = recorder.begin(request());
  observation.sent();
  observation.end("complete");
  recorder.flush();
  expect(ended).toEqual([1]);
  expect(failures.view()).toEqual({ count: 2, last: "Error: no disk" });
});

test("the ring keeps the last records, oldest first", () => {
  const ring = new RecordRing(3);
  for (let id = 1; id <= 5; id++) ring.add({ ...BARE, id });
  expect(ring.list().map(({ id }) => id)).toEqual([3, 4, 5]);
});

test("the tokens of a long answer are told about once a second", async () => {
  const told: [id: number, tokens: number][] = [];
  const recorder = new Recorder(new Failures());
  recorder.listen({ generated: ({ id }, tokens) => void told.push([id, tokens]) });
  const observation = recorder.begin(request());
  observation.sent();
  observation.answered(200, SSE);
  for (const chunk of [START, TEXT, TEXT, TEXT]) observation.chunk(chunk);
  recorder.flush();
  expect(told).toEqual([]);
  await Bun.sleep(1_010);
  observation.chunk(TEXT);
  recorder.flush();
  expect(told).toEqual([[1, 3]]);
});

test("only a request beside others can have waited for a slot", async () => {
  const { recorder, records } = listening();
  const headers = (...observations: Observation[]): void => {
    for (const observation of observations) observation.answered(200, SSE);
  };
  const tokens = (...observations: Observation[]): void => {
    for (const observation of observations) {
      observation.chunk(START);
      observation.chunk(TEXT);
      observation.end("complete");
    }
  };
  const [first, second] = [recorder.begin(request()), recorder.begin(request())];
  first.sent();
  second.sent();
  headers(first, second);
  await Bun.sleep(20);
  tokens(first, second);
  const third = recorder.begin(request());
  third.sent();
  headers(third);
  await Bun.sleep(20);
  tokens(third);
  recorder.flush();
  expect(records.map(({ queued_ms }) => queued_ms !== undefined)).toEqual([false, true, false]);
});
