import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { type Usage, UsageReader } from "../../src/usage/usage.ts";
import { property, type Random, seeded } from "../support/seeded.ts";
import { cuts, events } from "./pieces.ts";

const STREAM = "text/event-stream";
const JSON_TYPE = "application/json; charset=utf-8";

const TIMINGS = { cache_n: 300, prompt_n: 20, prompt_ms: 41.5, prompt_per_second: 481.9, predicted_n: 7 };

/** Answers in the shapes that llama-server b10434 and b8179 send. */
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
    name: "/v1/messages of a server that reports no cached tokens: the rest stays unknown",
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
    name: "/completion: tokens_evaluated is the whole prompt, tokens_cached what the slot holds after the answer",
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
    body: JSON.stringify({
      error: {
        ...{ code: 400, type: "exceed_context_size_error", message: "secret" },
        ...{ n_prompt_tokens: 33_150, n_ctx: 16_384 },
      },
    }),
    want: {
      error_type: "exceed_context_size_error",
      ...{ refused_prompt_tokens: 33_150, context_tokens: 16_384 },
    },
  },
  {
    name: "an error inside a stream",
    type: STREAM,
    body: `event: error\n${events({ type: "error", error: { type: "overloaded_error", message: "secret" } })}`,
    want: { error_type: "overloaded_error" },
  },
  {
    name: "an error type that is a sentence is ignored",
    type: JSON_TYPE,
    body: JSON.stringify({ error: { type: "cannot read /home/me/secret.txt" } }),
    want: {},
  },
  {
    name: "impossible figures are ignored",
    type: JSON_TYPE,
    body: '{"usage":{"input_tokens":-5,"output_tokens":"7","cache_read_input_tokens":null,"prompt_tokens":1e999}}',
    want: {},
  },
  {
    name: "more evaluated tokens than prompt tokens",
    type: JSON_TYPE,
    body: '{"usage":{"prompt_tokens":5},"timings":{"prompt_n":9}}',
    want: { prompt_tokens: 5, evaluated_tokens: 9 },
  },
  {
    name: "other content types are ignored",
    type: "text/plain",
    body: '{"usage":{"input_tokens":5}}',
    want: {},
  },
  { name: "not JSON", type: JSON_TYPE, body: "<html>usage</html>", want: {} },
  {
    name: "not JSON in a stream",
    type: STREAM,
    body: events('{"usage":{"input_tokens":5}', "usage"),
    want: {},
  },
  { name: "JSON that breaks off", type: JSON_TYPE, body: '{"usage":{"input_tokens":5}', want: {} },
  {
    name: "fractional counts are ignored, fractional milliseconds are not",
    type: JSON_TYPE,
    body: '{"usage":{"output_tokens":7.5},"timings":{"prompt_n":20.5,"cache_n":300,"prompt_ms":41.5}}',
    want: { cached_tokens: 300, prompt_ms: 41.5 },
  },
  {
    name: "figures above 2^53 - 1 are ignored",
    type: JSON_TYPE,
    body: '{"usage":{"input_tokens":1e308,"output_tokens":9007199254740992},"timings":{"prompt_ms":1e308}}',
    want: {},
  },
  {
    name: "a sum above 2^53 - 1 is left out",
    type: JSON_TYPE,
    body: '{"usage":{"input_tokens":9007199254740991,"cache_read_input_tokens":1,"output_tokens":9007199254740991}}',
    want: { cached_tokens: 1, output_tokens: 9007199254740991 },
  },
  {
    name: "figures of the wrong type are ignored",
    type: STREAM,
    body: events({ usage: [5], message: "m", timings: 1, error: "e", response: { usage: null } }),
    want: {},
  },
  {
    name: "names in other objects, in arrays and in strings are ignored",
    type: JSON_TYPE,
    body: JSON.stringify({
      a: { usage: { input_tokens: 1 }, b: { timings: TIMINGS } },
      message: [{ usage: { input_tokens: 2 } }],
      content: '"usage":{"input_tokens":3}',
      "ünïcode 🦙": { message: { usage: { input_tokens: 4 } } },
      usage: { output_tokens: 7 },
    }),
    want: { output_tokens: 7 },
  },
  { name: "an array", type: JSON_TYPE, body: '[{"usage":{"input_tokens":5}}]', want: {} },
];

describe("figures are read however the answer is cut", () => {
  for (const { name, type, body, want } of cases) {
    test(name, () => {
      for (const chunks of cuts(Buffer.from(body), seeded(3))) {
        expect(read(type, chunks)).toEqual(want);
      }
    });
  }
});

describe("the first token is distinguished from earlier events", () => {
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
    {
      name: "chunks that say there is no error",
      before: events({ error: null, prompt_progress: {} }),
      first: events({ choices: [], error: null }),
    },
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

property(
  "a random object gives the same usage in a stream after the first token as in a JSON body",
  500,
  (random) => {
    const object = randomObject(random, 3);
    const stream = `${events({ type: "content_block_start" })}${events(object)}`;
    const want = read(JSON_TYPE, [Buffer.from(JSON.stringify(object))]);
    for (const chunks of cuts(Buffer.from(stream), random)) {
      expect({ object, usage: read(STREAM, chunks) }).toEqual({ object, usage: want });
    }
  },
);

test("usage can be read at any time", () => {
  const stream = new UsageReader(STREAM);
  stream.push(Buffer.from(events({ type: "message_start", message: { usage: { input_tokens: 20 } } })));
  expect(stream.usage).toEqual({ prompt_tokens: 20 });
  stream.push(Buffer.from(events({ type: "message_delta", usage: { output_tokens: 7 } })));
  expect(stream.usage).toEqual({ prompt_tokens: 20, output_tokens: 7 });

  const json = new UsageReader(JSON_TYPE);
  json.push(Buffer.from('{"usage":{"input_tokens":20}'));
  expect(json.usage).toEqual({});
  json.push(Buffer.from("}"));
  expect(json.usage).toEqual({ prompt_tokens: 20 });
  json.push(Buffer.from("\n"));
  expect(json.usage).toEqual({ prompt_tokens: 20 });
  expect(json.tokenSeen).toBe(false);
});

describe("memory is bounded", () => {
  const filler = Buffer.alloc(1 << 20, "x");

  test("an event of 64 MB is not read, and the next one is", () => {
    const reader = new UsageReader(STREAM);
    const grown = growth(() => {
      reader.push(Buffer.from('data: {"prompt":"'));
      for (let i = 0; i < 64; i++) reader.push(filler);
    });
    expect(grown).toBeLessThan(4 << 20);
    reader.push(Buffer.from(`","timings":${JSON.stringify({ prompt_n: 5 })}}\n\n`));
    expect(reader.usage.evaluated_tokens).toBeUndefined();
    reader.push(Buffer.from(events({ timings: TIMINGS })));
    expect(reader.usage.evaluated_tokens).toBe(20);
  });

  test("a JSON body of 64 MB is not read", () => {
    const reader = new UsageReader(JSON_TYPE);
    const grown = growth(() => {
      reader.push(Buffer.from('{"prompt":"'));
      for (let i = 0; i < 64; i++) reader.push(filler);
    });
    expect(grown).toBeLessThan(4 << 20);
    reader.push(Buffer.from(`","timings":${JSON.stringify(TIMINGS)}}`));
    expect(reader.usage).toEqual({});
  });

  test("a JSON body and an event of 900 KB are read", () => {
    const text = JSON.stringify({ prompt: "x".repeat(900_000), timings: TIMINGS });
    expect(read(JSON_TYPE, [Buffer.from(text)]).evaluated_tokens).toBe(20);
    expect(read(STREAM, [Buffer.from(`data: ${text}\n\n`)]).evaluated_tokens).toBe(20);
  });
});

function read(type: string, chunks: readonly Uint8Array[]): Usage {
  const reader = new UsageReader(type);
  for (const chunk of chunks) reader.push(chunk);
  return reader.usage;
}

/** Bytes of the heap, strings included, that `work` leaves in use. */
function growth(work: () => void): number {
  Bun.gc(true);
  const before = heapStats();
  work();
  Bun.gc(true);
  const after = heapStats();
  return after.heapSize + after.extraMemorySize - before.heapSize - before.extraMemorySize;
}

function randomObject(random: Random, depth: number): { [name: string]: unknown } {
  const names = [
    "usage",
    "message",
    "response",
    "timings",
    "error",
    "other",
    "ünïcode",
    'qu"ote',
    "back\\slash",
  ];
  const figures = [
    "input_tokens",
    "prompt_tokens",
    "output_tokens",
    "prompt_n",
    "cache_n",
    "tokens_evaluated",
  ];
  return Object.fromEntries(
    random.some(0, 6, () => [
      random.pick(random.chance(0.6) ? names : figures),
      randomValue(random, depth - 1),
    ]),
  );
}

function randomValue(random: Random, depth: number): unknown {
  const scalars = [
    null,
    true,
    -1.5,
    0,
    7,
    320,
    "",
    "usage",
    '{"usage":{"input_tokens":1}}',
    "a,b}]",
    '\\"',
    "🦙\n\t",
  ];
  if (depth > 0 && random.chance(0.5)) return randomObject(random, depth);
  if (depth > 0 && random.chance(0.15)) return random.some(0, 3, () => randomValue(random, depth - 1));
  return random.pick(scalars);
}
