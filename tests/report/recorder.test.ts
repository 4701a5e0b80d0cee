import { expect, test } from "bun:test";
import type { RequestRecord } from "../../src/report/record.ts";
import { RecordRing } from "../../src/report/record.ts";
import { type Listener, Recorder } from "../../src/report/recorder.ts";
import type { Outcome, WatchedRequest } from "../../src/request/observer.ts";
import { BARE } from "./records.ts";

const SSE = new Headers({ "content-type": "text/event-stream" });

function request(overrides: Partial<WatchedRequest> = {}): WatchedRequest {
  const headers = new Headers({
    "content-length": "80000",
    "user-agent": "claude-cli/2.1.330 (external, cli)",
    "x-claude-code-session-id": "s1",
    authorization: "Bearer secret-key",
  });
  const facts = { model: "m", stream: true, tools: 14 };
  return { method: "POST", path: "/v1/messages", headers, facts, arrivedAt: performance.now(), ...overrides };
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

/** A recorder and the names of what its listener heard, in order. */
function listening(): { recorder: Recorder; heard: string[]; records: RequestRecord[] } {
  const heard: string[] = [];
  const records: RequestRecord[] = [];
  const recorder = new Recorder([
    {
      sent: ({ id }) => void heard.push(`sent ${id}`),
      answering: ({ id }) => void heard.push(`answering ${id}`),
      ended: (record) => {
        heard.push(`ended ${record.id}`);
        records.push(record);
      },
      passed: (outcome, status) => void heard.push(`passed ${outcome} ${status}`),
    },
  ]);
  return { recorder, heard, records };
}

test("a streamed answer becomes a record", () => {
  const { recorder, heard, records } = listening();
  const watch = recorder.begin(request());
  watch.sent();
  watch.answered(200, SSE);
  watch.chunk(START);
  recorder.flush();
  expect(heard).toEqual(["sent 1"]);
  watch.chunk(TEXT);
  recorder.flush();
  expect(heard).toEqual(["sent 1", "answering 1"]);
  watch.chunk(END);
  watch.end("complete");
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

test("no request waits for a listener: they hear of it a moment later", async () => {
  const { recorder, heard } = listening();
  const watch = recorder.begin(request());
  watch.sent();
  watch.end("complete");
  expect(heard).toEqual([]);
  while (heard.length === 0) await Bun.sleep(1);
  expect(heard).toEqual(["sent 1", "ended 1"]);
});

test("nothing of the prompt, the answer or the key is in a record", () => {
  const { recorder, records } = listening();
  const watch = recorder.begin(request());
  watch.sent();
  watch.answered(200, SSE);
  for (const chunk of [START, TEXT, END]) watch.chunk(chunk);
  watch.end("complete");
  recorder.flush();
  expect(JSON.stringify(records)).not.toContain("secret");
});

test("comments, pings and what comes before the upstream's headers are not an answer", () => {
  const { recorder, heard, records } = listening();
  const watch = recorder.begin(request());
  watch.sent();
  watch.chunk(event({ type: "ping" }));
  watch.answered(200, SSE);
  watch.chunk(Buffer.from(": still here\n\n"));
  watch.chunk(event({ type: "ping" }));
  watch.end("left");
  recorder.flush();
  expect(heard).toEqual(["sent 1", "ended 1"]);
  expect(records[0]).toMatchObject({ outcome: "left", status: 200 });
  expect(records[0]).not.toHaveProperty("first_token_ms");
  expect(records[0]).not.toHaveProperty("prompt_tokens");
});

test("an upstream that cannot be reached leaves no status and no figures", () => {
  const { recorder, records } = listening();
  recorder.begin(request({ headers: new Headers(), facts: {} })).end("refused");
  recorder.flush();
  const { time, total_ms, ...rest } = records[0]!;
  expect(rest).toEqual({ id: 1, endpoint: "/v1/messages", outcome: "refused" });
});

test("a compressed answer passes unread", () => {
  const { recorder, heard, records } = listening();
  const watch = recorder.begin(request());
  watch.sent();
  watch.answered(200, new Headers({ "content-type": "text/event-stream", "content-encoding": "gzip" }));
  watch.chunk(START);
  watch.end("complete");
  recorder.flush();
  expect(heard).toEqual(["sent 1", "answering 1", "ended 1"]);
  expect(records[0]).not.toHaveProperty("prompt_tokens");
});

test("requests that are not for inference are only counted", () => {
  const { recorder, heard } = listening();
  const ends: [path: string, outcome: Outcome, status?: number][] = [
    ["/v1/messages/count_tokens", "complete", 200],
    ["/", "refused"],
  ];
  for (const [path, outcome, status] of ends) {
    const watch = recorder.begin(request({ path }));
    watch.sent();
    if (status) watch.answered(status, new Headers());
    watch.chunk(START);
    watch.end(outcome);
  }
  recorder.flush();
  expect(heard).toEqual(["passed complete 200", "passed refused undefined"]);
});

test("ids count up in the order of arrival, whatever the order of the ends", () => {
  const { recorder, heard } = listening();
  const [first, second] = [recorder.begin(request()), recorder.begin(request())];
  second!.end("complete");
  first!.end("complete");
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
  const recorder = new Recorder([broken, { ended: ({ id }) => void ended.push(id) }]);
  const watch = recorder.begin(request());
  watch.sent();
  watch.end("complete");
  recorder.flush();
  expect(ended).toEqual([1]);
  expect(recorder.failures).toBe(2);
});

test("the ring keeps the last records, oldest first", () => {
  const ring = new RecordRing(3);
  for (let id = 1; id <= 5; id++) ring.add({ ...BARE, id });
  expect(ring.list().map(({ id }) => id)).toEqual([3, 4, 5]);
});
