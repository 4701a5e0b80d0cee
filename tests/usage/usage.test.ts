import { describe, expect, test } from "bun:test";
import { type Usage, UsageReader } from "../../src/usage/usage.ts";
import { seeded } from "../support/seeded.ts";
import { cuts } from "./pieces.ts";

const STREAM = "text/event-stream";
const JSON_TYPE = "application/json; charset=utf-8";

function events(...data: (object | string)[]): string {
  return data.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");
}

const TIMINGS = { cache_n: 300, prompt_n: 20, prompt_ms: 41.5, prompt_per_second: 481.9, predicted_n: 7 };

/** Answers in the shapes that llama-server b10434 and b8179 were seen to send; the texts are our own. */
const cases: { name: string; type: string; body: string; want: Usage }[] = [
  {
    name: "/v1/messages, streamed: message_start has the prompt, message_delta the output",
    type: STREAM,
    body:
      "event: message_start\r\n" +
      events(
        {
          type: "message_start",
          message: { usage: { cache_read_input_tokens: 300, input_tokens: 20, output_tokens: 0 } },
        },
        { type: "content_block_delta", delta: { type: "text_delta", text: '"usage":{"input_tokens":1}' } },
        { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 7 } },
        { type: "message_stop" },
      ).replaceAll("\n", "\r\n"),
    want: { prompt_tokens: 320, cached_tokens: 300, evaluated_tokens: 20, output_tokens: 7 },
  },
  {
    name: "/v1/messages of a server that reports no cached tokens: nothing is made up",
    type: JSON_TYPE,
    body: JSON.stringify({ type: "message", usage: { input_tokens: 320, output_tokens: 7 } }),
    want: { prompt_tokens: 320, output_tokens: 7 },
  },
  {
    name: "/v1/messages of Anthropic: tokens written to the cache were evaluated",
    type: JSON_TYPE,
    body: JSON.stringify({
      usage: {
        input_tokens: 5,
        cache_creation_input_tokens: 15,
        cache_read_input_tokens: 300,
        cache_creation: { ephemeral_5m_input_tokens: 15 },
        output_tokens: 7,
        service_tier: "standard",
      },
    }),
    want: { prompt_tokens: 320, cached_tokens: 300, evaluated_tokens: 20, output_tokens: 7 },
  },
  {
    name: "nothing cached is 0, not unknown",
    type: JSON_TYPE,
    body: JSON.stringify({ usage: { cache_read_input_tokens: 0, input_tokens: 320 } }),
    want: { prompt_tokens: 320, cached_tokens: 0, evaluated_tokens: 320 },
  },
  {
    name: "/v1/chat/completions",
    type: JSON_TYPE,
    body: JSON.stringify({
      choices: [{ message: { content: "hello" } }],
      usage: { completion_tokens: 7, prompt_tokens: 320, prompt_tokens_details: { cached_tokens: 300 } },
      timings: TIMINGS,
    }),
    want: { prompt_tokens: 320, cached_tokens: 300, evaluated_tokens: 20, output_tokens: 7, prompt_ms: 41.5 },
  },
  {
    name: "/v1/chat/completions, streamed without usage: timings in the last chunk",
    type: STREAM,
    body: events({ choices: [{ delta: { content: "hello" } }] }, { choices: [], timings: TIMINGS }, "[DONE]"),
    want: { prompt_tokens: 320, cached_tokens: 300, evaluated_tokens: 20, output_tokens: 7, prompt_ms: 41.5 },
  },
  {
    name: "/v1/chat/completions of b8179: what was not evaluated was cached",
    type: JSON_TYPE,
    body: JSON.stringify({ usage: { prompt_tokens: 320 }, timings: { prompt_n: 20, prompt_ms: 41.5 } }),
    want: { prompt_tokens: 320, cached_tokens: 300, evaluated_tokens: 20, prompt_ms: 41.5 },
  },
  {
    name: "/v1/responses, streamed: input_tokens is the whole prompt",
    type: STREAM,
    body: events(
      { type: "response.created", response: { status: "in_progress" } },
      {
        type: "response.completed",
        response: {
          output: [],
          usage: { input_tokens: 320, output_tokens: 7, input_tokens_details: { cached_tokens: 300 } },
        },
        timings: TIMINGS,
      },
    ),
    want: { prompt_tokens: 320, cached_tokens: 300, evaluated_tokens: 20, output_tokens: 7, prompt_ms: 41.5 },
  },
  {
    name: "/completion: tokens_evaluated is the whole prompt, tokens_cached what the slot holds afterwards",
    type: JSON_TYPE,
    body: JSON.stringify({
      content: "hello",
      tokens_predicted: 7,
      tokens_evaluated: 320,
      prompt: "x".repeat(100_000),
      tokens_cached: 326,
      timings: TIMINGS,
    }),
    want: { prompt_tokens: 320, cached_tokens: 300, evaluated_tokens: 20, output_tokens: 7, prompt_ms: 41.5 },
  },
  {
    name: "an error's type, not its message",
    type: JSON_TYPE,
    body: JSON.stringify({ error: { code: 400, type: "exceed_context_size_error", message: "secret" } }),
    want: { error_type: "exceed_context_size_error" },
  },
  {
    name: "an error inside a stream",
    type: STREAM,
    body: `event: error\n${events({ type: "error", error: { type: "overloaded_error", message: "secret" } })}`,
    want: { error_type: "overloaded_error" },
  },
  {
    name: "an error type that is a text is not taken",
    type: JSON_TYPE,
    body: JSON.stringify({ error: { type: "cannot read /home/me/secret.txt" } }),
    want: {},
  },
  {
    name: "figures that cannot be",
    type: JSON_TYPE,
    body: '{"usage":{"input_tokens":-5,"output_tokens":"7","cache_read_input_tokens":null,"prompt_tokens":1e999}}',
    want: {},
  },
  {
    name: "more evaluated than there were",
    type: JSON_TYPE,
    body: '{"usage":{"prompt_tokens":5},"timings":{"prompt_n":9}}',
    want: { prompt_tokens: 5, evaluated_tokens: 9 },
  },
  { name: "other bodies are not read", type: "text/plain", body: '{"usage":{"input_tokens":5}}', want: {} },
  { name: "not JSON", type: JSON_TYPE, body: "<html>usage</html>", want: {} },
];

describe("figures are read however the answer is cut", () => {
  for (const { name, type, body, want } of cases) {
    test(name, () => {
      for (const chunks of cuts(Buffer.from(body), seeded(3))) {
        const reader = new UsageReader(type);
        for (const chunk of chunks) reader.push(chunk);
        expect(reader.usage).toEqual(want);
      }
    });
  }
});

describe("the first token is told from what may come before it", () => {
  const cases: { name: string; before: string; first: string }[] = [
    {
      name: "/v1/messages",
      before: `: hello\n\n${events({ type: "ping" }, { type: "message_start", message: {} })}`,
      first: events({ type: "content_block_start", content_block: {} }),
    },
    {
      name: "/v1/chat/completions with return_progress",
      before: events({ choices: [], prompt_progress: { total: 10, processed: 5 } }),
      first: events({ choices: [{ delta: { role: "assistant" } }] }),
    },
    {
      name: "/v1/responses",
      before: events({ type: "response.created" }, { type: "response.in_progress" }),
      first: events({ type: "response.output_item.added" }),
    },
    { name: "/completion", before: "", first: events({ content: "hello", stop: false }) },
    { name: "an error", before: events({ error: { type: "x" } }, "[DONE]"), first: events({ choices: [] }) },
  ];
  for (const { name, before, first } of cases) {
    test(name, () => {
      const reader = new UsageReader(STREAM);
      reader.push(Buffer.from(before));
      expect(reader.tokenSeen).toBe(false);
      reader.push(Buffer.from(first));
      expect(reader.tokenSeen).toBe(true);
    });
  }
});

test("a stream of many megabytes is read in bounded memory", () => {
  const reader = new UsageReader(STREAM);
  const filler = Buffer.alloc(1 << 20, "x");
  reader.push(Buffer.from('data: {"prompt":"'));
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 64; i++) reader.push(filler);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  reader.push(Buffer.from(`","timings":${JSON.stringify(TIMINGS)}}\n\n`));
  expect(reader.usage.evaluated_tokens).toBe(20);
});
