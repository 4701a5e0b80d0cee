import { describe, expect, test } from "bun:test";
import { AnswerReader } from "../../src/usage/answer.ts";
import {
  type AssistantTurn,
  AssistantTurnReader,
  assistantTurnJson,
  MAX_TURN_LENGTH,
} from "../../src/usage/assistant-turn.ts";
import type { Block } from "../../src/usage/blocks.ts";
import { property, type Random, seeded } from "../support/seeded.ts";
import { cuts, events } from "./pieces.ts";

const STREAM = "text/event-stream";
const JSON_TYPE = "application/json; charset=utf-8";

const START = {
  type: "message_start",
  message: { id: "m1", role: "assistant", content: [], usage: { input_tokens: 20 } },
};
const STOP = { type: "message_stop" };

const blockStart = (index: number, content_block: object) => ({
  type: "content_block_start",
  index,
  content_block,
});
const blockDelta = (index: number, delta: object) => ({ type: "content_block_delta", index, delta });
const blockStop = (index: number) => ({ type: "content_block_stop", index });
const stopReason = (stop_reason: string | null) => ({
  type: "message_delta",
  delta: { stop_reason, stop_sequence: null },
  usage: { output_tokens: 7 },
});

const textStart = (index: number) => blockStart(index, { type: "text", text: "" });
const textDelta = (index: number, text: string) => blockDelta(index, { type: "text_delta", text });
const thinkingDelta = (index: number, thinking: string) =>
  blockDelta(index, { type: "thinking_delta", thinking });
const inputDelta = (index: number, partial_json: string) =>
  blockDelta(index, { type: "input_json_delta", partial_json });
const HELLO = [textStart(0), textDelta(0, "Hello"), blockStop(0)];
const HELLO_TURN: AssistantTurn = {
  stopReason: "end_turn",
  content: [{ type: "text", text: "Hello" }],
  isComplete: true,
};

const turns: { name: string; type: string; body: string; json: string; want: object }[] = [
  {
    name: "text",
    type: STREAM,
    body: events(
      START,
      { type: "ping" },
      textStart(0),
      textDelta(0, "Zażółć "),
      textDelta(0, "🦙"),
      blockStop(0),
      stopReason("end_turn"),
      STOP,
    ),
    json: '{"role":"assistant","content":[{"type":"text","text":"Zażółć 🦙"}]}',
    want: { stopReason: "end_turn", isComplete: true },
  },
  {
    name: "thinking, text and two tools as llama-server sends them: no input in the start, thinking ends after the text starts",
    type: STREAM,
    body: events(
      START,
      blockStart(0, { type: "thinking", thinking: "" }),
      thinkingDelta(0, "First "),
      thinkingDelta(0, "the list."),
      textStart(1),
      textDelta(1, "I list."),
      blockStart(2, { type: "tool_use", id: "t1", name: "Bash" }),
      inputDelta(2, '{"command":'),
      inputDelta(2, '"ls","n":1.50}'),
      blockStart(3, { type: "tool_use", id: "t2", name: "Wait" }),
      blockDelta(0, { type: "signature_delta", signature: "" }),
      blockStop(0),
      blockStop(1),
      blockStop(2),
      blockStop(3),
      stopReason("tool_use"),
      STOP,
    ),
    json:
      '{"role":"assistant","content":[{"type":"thinking","thinking":"First the list.","signature":""},' +
      '{"type":"text","text":"I list."},{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls","n":1.5}},' +
      '{"type":"tool_use","id":"t2","name":"Wait","input":{}}]}',
    want: { stopReason: "tool_use", isComplete: true },
  },
  {
    name: "signed and redacted thinking, CRLF, event names and unknown events",
    type: STREAM,
    body: `event: message_start\r\n${events(
      START,
      blockStart(0, { type: "thinking", signature: "", thinking: "" }),
      thinkingDelta(0, "Hm."),
      blockDelta(0, { type: "signature_delta", signature: "c2lnbmVk" }),
      blockStop(0),
      { type: "something_new", index: 0 },
      blockStart(1, { data: "b3BhcXVl", type: "redacted_thinking" }),
      blockStop(1),
      blockStart(2, { type: "tool_use", name: "Bash", input: {}, id: "t1" }),
      inputDelta(2, ""),
      inputDelta(2, '{"b":1,"a":[{"é":null}]}'),
      blockStop(2),
      stopReason("tool_use"),
      STOP,
      "[DONE]",
    ).replaceAll("\n", "\r\n")}`,
    json:
      '{"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"c2lnbmVk"},' +
      '{"type":"redacted_thinking","data":"b3BhcXVl"},' +
      '{"type":"tool_use","id":"t1","name":"Bash","input":{"b":1,"a":[{"é":null}]}}]}',
    want: { stopReason: "tool_use", isComplete: true },
  },
  {
    name: "a start that repeats the first delta, and one that replaces a block",
    type: STREAM,
    body: events(
      START,
      textStart(0),
      textDelta(0, "lost"),
      blockStart(0, { type: "text", text: "He" }),
      textDelta(0, "He"),
      textDelta(0, "llo"),
      blockStop(0),
      stopReason("end_turn"),
      STOP,
    ),
    json: '{"role":"assistant","content":[{"type":"text","text":"Hello"}]}',
    want: { stopReason: "end_turn", isComplete: true },
  },
  {
    name: "a stop reason without message_stop",
    type: STREAM,
    body: events(START, ...HELLO, stopReason("max_tokens")),
    json: '{"role":"assistant","content":[{"type":"text","text":"Hello"}]}',
    want: { stopReason: "max_tokens", isComplete: false },
  },
  {
    name: "message_stop without a stop reason",
    type: STREAM,
    body: events(START, ...HELLO, stopReason(null), STOP),
    json: '{"role":"assistant","content":[{"type":"text","text":"Hello"}]}',
    want: { stopReason: undefined, isComplete: true },
  },
  {
    name: "a JSON answer",
    type: JSON_TYPE,
    body: JSON.stringify({
      id: "m1",
      type: "message",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "" },
        { type: "text", text: 'Say "żółć"\n', citations: null },
        { name: "Bash", id: "t1", input: { command: "ls" }, type: "tool_use" },
      ],
      stop_reason: "tool_use",
      usage: { input_tokens: 20, output_tokens: 7 },
    }),
    json:
      '{"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":""},' +
      '{"type":"text","text":"Say \\"żółć\\"\\n"},{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls"}}]}',
    want: { stopReason: "tool_use", isComplete: true },
  },
];

describe("the turn is rebuilt however the answer is cut", () => {
  for (const { name, type, body, json, want } of turns) {
    test(name, () => {
      for (const chunks of cuts(Buffer.from(body), seeded(5))) {
        const turn = read(type, chunks)!;
        expect(assistantTurnJson(turn)).toBe(json);
        expect(turn).toEqual({ ...want, content: JSON.parse(json).content } as AssistantTurn);
      }
    });
  }
});

describe("there is no turn", () => {
  const END = [stopReason("end_turn"), STOP];
  const use = blockStart(0, { type: "tool_use", id: "t1", name: "Bash" });
  const error = { type: "error", error: { type: "overloaded_error", message: "busy" } };
  const cases: { name: string; type?: string; body: string }[] = [
    { name: "in an empty stream", body: "" },
    { name: "without any block", body: events(START, ...END) },
    { name: "before the stop reason", body: events(START, ...HELLO) },
    { name: "while a block is open", body: events(START, textStart(0), textDelta(0, "Hel"), ...END) },
    { name: "without message_start", body: events(...HELLO, ...END) },
    { name: "after an error event", body: events(START, ...HELLO, error, ...END) },
    { name: "after an error event at the end", body: events(START, ...HELLO, stopReason("end_turn"), error) },
    {
      name: "after an error without a type",
      body: events(START, ...HELLO, { error: { code: 500 } }, ...END),
    },
    { name: "after an event that is not JSON", body: events(START, ...HELLO, '{"type":', ...END) },
    { name: "after a second message_start", body: events(START, START, ...HELLO, ...END) },
    { name: "for a delta outside of a block", body: events(START, textDelta(0, "a"), ...HELLO, ...END) },
    { name: "for a stop outside of a block", body: events(START, ...HELLO, blockStop(0), ...END) },
    { name: "for a block after the end", body: events(START, ...HELLO, ...END, textStart(1)) },
    {
      name: "for a delta of another type of block",
      body: events(START, textStart(0), thinkingDelta(0, "a"), blockStop(0), ...END),
    },
    {
      name: "for a delta of an unknown type",
      body: events(START, textStart(0), blockDelta(0, { type: "citations_delta" }), blockStop(0), ...END),
    },
    {
      name: "for a delta that is not text",
      body: events(START, textStart(0), blockDelta(0, { type: "text_delta", text: 5 }), blockStop(0), ...END),
    },
    {
      name: "for a block of an unknown type",
      body: events(
        START,
        ...HELLO,
        blockStart(1, { type: "server_tool_use", id: "s1" }),
        blockStop(1),
        ...END,
      ),
    },
    {
      name: "for a tool without a name",
      body: events(START, blockStart(0, { type: "tool_use", id: "t1" }), blockStop(0), ...END),
    },
    {
      name: "for tool input that is not JSON",
      body: events(START, use, inputDelta(0, '{"a":'), blockStop(0), ...END),
    },
    {
      name: "for tool input that is not an object",
      body: events(START, use, inputDelta(0, "[1]"), blockStop(0), ...END),
    },
    { name: "in another API's stream", body: events({ choices: [{ delta: { content: "a" } }] }, "[DONE]") },
    { name: "in another API's JSON", type: JSON_TYPE, body: '{"choices":[{"message":{"content":"a"}}]}' },
    { name: "in a JSON error", type: JSON_TYPE, body: JSON.stringify(error) },
    {
      name: "in JSON with an unknown block",
      type: JSON_TYPE,
      body: '{"type":"message","content":[{"type":"image"}]}',
    },
    { name: "in JSON without content", type: JSON_TYPE, body: '{"type":"message","stop_reason":"end_turn"}' },
    { name: "in JSON that breaks off", type: JSON_TYPE, body: '{"type":"message","content":[{"type":"te' },
    { name: "in other content types", type: "text/plain", body: events(START, ...HELLO, ...END) },
  ];
  for (const { name, type, body } of cases) {
    test(name, () => {
      for (const chunks of cuts(Buffer.from(body), seeded(9))) {
        expect(read(type ?? STREAM, chunks)).toBeUndefined();
      }
    });
  }
});

property("a random turn comes back the same from a stream and from JSON", 300, (random) => {
  const content = random.some(1, 5, (index) => randomBlock(random, index));
  const want: AssistantTurn = { stopReason: "end_turn", content, isComplete: true };
  const json = JSON.stringify({ type: "message", content, stop_reason: "end_turn" });
  const stream = events(
    START,
    ...content.flatMap((block, index) => streamed(random, block, index)),
    stopReason("end_turn"),
    STOP,
  );
  for (const chunks of cuts(Buffer.from(json), random)) expect(read(JSON_TYPE, chunks)).toEqual(want);
  for (const chunks of cuts(Buffer.from(stream), random)) {
    const turn = read(STREAM, chunks);
    expect(turn).toEqual(want);
    expect(assistantTurnJson(turn!)).toBe(JSON.stringify({ role: "assistant", content }));
  }
});

describe("a turn has a bounded length", () => {
  const piece = "x".repeat(1000);
  const stream = (deltas: number): string =>
    events(
      START,
      textStart(0),
      ...Array.from({ length: deltas }, () => textDelta(0, piece)),
      blockStop(0),
      stopReason("end_turn"),
      STOP,
    );

  test("900 000 characters are kept", () => {
    const block = read(STREAM, [Buffer.from(stream(900))])?.content[0];
    expect(block).toEqual({ type: "text", text: piece.repeat(900) });
  });

  test("a longer turn is given up", () => {
    const deltas = Math.ceil(MAX_TURN_LENGTH / piece.length);
    expect(read(STREAM, [Buffer.from(stream(deltas))])).toBeUndefined();
  });

  test("blocks without text count too", () => {
    const blocks = Array.from({ length: 60_000 }, (_, index) => [textStart(index), blockStop(index)]).flat();
    const body = events(START, ...blocks, stopReason("end_turn"), STOP);
    expect(read(STREAM, [Buffer.from(body)])).toBeUndefined();
  });

  test("an event that is too long makes the turn unknown", () => {
    const reader = new AssistantTurnReader(STREAM);
    reader.push(Buffer.from(events(START, ...HELLO)));
    for (let i = 0; i < 2000; i++) reader.push(Buffer.from(i === 0 ? `data: ${piece}` : piece));
    reader.push(Buffer.from(`\n\n${events(stopReason("end_turn"), STOP)}`));
    expect(reader.turn).toBeUndefined();
  });
});

describe("one reader gives usage and turn", () => {
  const body = Buffer.from(events(START, ...HELLO, stopReason("end_turn"), STOP));
  const usage = { prompt_tokens: 20, output_tokens: 7 };

  test("both from a stream", () => {
    for (const chunks of cuts(body, seeded(13))) {
      const reader = new AnswerReader(STREAM, { keepTurn: true });
      for (const chunk of chunks) reader.push(chunk);
      expect(reader.usage).toEqual(usage);
      expect(reader.turn).toEqual(HELLO_TURN);
      expect([reader.isStream, reader.tokenSeen]).toEqual([true, true]);
    }
  });

  test("both from JSON", () => {
    const reader = new AnswerReader(JSON_TYPE, { keepTurn: true });
    const { stopReason: stop_reason, content } = HELLO_TURN;
    reader.push(
      Buffer.from(JSON.stringify({ type: "message", content, stop_reason, usage: START.message.usage })),
    );
    expect(reader.turn).toEqual(HELLO_TURN);
    expect(reader.usage).toEqual({ prompt_tokens: 20 });
    expect([reader.isStream, reader.tokenSeen]).toEqual([false, false]);
  });

  test("usage alone", () => {
    const reader = new AnswerReader(STREAM, { keepTurn: false });
    reader.push(body);
    expect(reader.usage).toEqual(usage);
    expect(reader.turn).toBeUndefined();
  });

  test("usage of an answer whose turn failed", () => {
    const reader = new AnswerReader(STREAM, { keepTurn: true });
    reader.push(Buffer.from(events(START, textDelta(5, "a"), stopReason("end_turn"), STOP)));
    expect(reader.usage).toEqual(usage);
    expect(reader.turn).toBeUndefined();
  });
});

function read(type: string, chunks: readonly Uint8Array[]): AssistantTurn | undefined {
  const reader = new AssistantTurnReader(type);
  for (const chunk of chunks) reader.push(chunk);
  return reader.turn;
}

function randomBlock(random: Random, index: number): Block {
  const words = (): string =>
    random.some(0, 6, () => random.pick(["a ", "żółć", "🦙", '"', "\\", "\n", "</x>"])).join("");
  const blocks: Block[] = [
    { type: "text", text: words() },
    { type: "thinking", thinking: words(), signature: words() },
    { type: "redacted_thinking", data: words() },
    { type: "tool_use", id: `t${index}`, name: "Bash", input: { [words()]: words(), n: [1, null] } },
  ];
  return random.pick(blocks);
}

function streamed(random: Random, block: Block, index: number): object[] {
  switch (block.type) {
    case "text":
      return [
        textStart(index),
        ...pieces(random, block.text).map((piece) => textDelta(index, piece)),
        blockStop(index),
      ];
    case "thinking":
      return [
        blockStart(index, { type: "thinking", thinking: "" }),
        ...pieces(random, block.thinking).map((piece) => thinkingDelta(index, piece)),
        blockDelta(index, { type: "signature_delta", signature: block.signature }),
        blockStop(index),
      ];
    case "redacted_thinking":
      return [blockStart(index, block), blockStop(index)];
    case "tool_use":
      return [
        blockStart(index, { type: "tool_use", id: block.id, name: block.name, input: {} }),
        ...pieces(random, JSON.stringify(block.input)).map((piece) => inputDelta(index, piece)),
        blockStop(index),
      ];
  }
}

/** Whole characters, as servers send them. */
function pieces(random: Random, text: string): string[] {
  const characters = [...text];
  const result: string[] = [];
  while (characters.length > 0) result.push(characters.splice(0, 1 + random.below(4)).join(""));
  return result;
}
