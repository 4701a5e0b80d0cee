import { describe, expect, test } from "bun:test";
import { readWarmable } from "../../src/warm/body.ts";
import { nextTurn } from "../../src/warm/next-turn.ts";
import { conversation, type Message } from "../support/conversation.ts";
import { type Json, randomJson, randomText, serialize } from "../support/json.ts";
import { property, type Random } from "../support/seeded.ts";

const parse = (bytes: Uint8Array): Record<string, Json> => JSON.parse(Buffer.from(bytes).toString());
const warmed = (body: string, turn?: string): Buffer => nextTurn(readWarmable(Buffer.from(body))!, turn);
const answer = (content: Json): string => JSON.stringify({ role: "assistant", content });

describe("the warm-up for the next request", () => {
  test("is the same body with the answer and a one-character user turn, for one token of a stream", () => {
    const body =
      '{"model":"m","messages":[ {"role":"user","content":"hi"} ],"max_tokens": 32000,"stream":false}';
    const turn = answer([{ type: "thinking", thinking: "é 👩‍💻 \ud800", signature: "s" }]);
    const bytes = warmed(body, turn);
    expect(bytes.toString()).toBe(
      '{"model":"m","messages":[ {"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking",' +
        '"thinking":"\\u00e9 \\ud83d\\udc69\\u200d\\ud83d\\udcbb \\ud800","signature":"s"}]},' +
        '{"role":"user","content":[{"type":"text","text":"."}]} ],"max_tokens": 1,"stream":true}',
    );
    expect(parse(bytes).messages).toEqual([
      { role: "user", content: "hi" },
      JSON.parse(turn),
      { role: "user", content: [{ type: "text", text: "." }] },
    ]);
  });

  test("sets max_tokens and stream where the body has neither", () => {
    expect(parse(warmed('{"messages":[{"role":"user","content":"hi"}]}'))).toEqual({
      messages: [{ role: "user", content: "hi" }],
      max_tokens: 1,
      stream: true,
    });
  });

  test("without an answer is the request itself", () => {
    const body = '{"messages":[{"role":"user","content":"hi"}],"max_tokens":1,"stream":true}';
    expect(warmed(body).toString()).toBe(body);
  });

  test.each([
    ["no JSON", "{"],
    ["an array", "[]"],
    ["no messages", '{"model":"m"}'],
    ["no message", '{"messages":[]}'],
    ["a message that is no object", '{"messages":["hi"]}'],
    ["messages twice", '{"messages":[{}],"messages":[{}]}'],
  ])("does not exist for a body with %s", (_, body) => {
    expect(readWarmable(Buffer.from(body))).toBeUndefined();
  });

  property(
    "has messages that are a prefix of any next request's, and nothing else changes",
    300,
    (random) => {
      const history = conversation(random);
      for (let turns = random.below(6); turns > 0; turns--) history.grow();
      const messages = history.request();
      const reply = assistantTurn(random);
      const rest = Object.fromEntries(
        random.some(0, 4, (index) => [
          `key${index}`,
          randomJson(
            random,
            3,
            () => randomText(random),
            () => randomText(random),
          ),
        ]),
      );
      const body = {
        ...rest,
        messages,
        ...(random.chance(0.8) && { max_tokens: 32_000, stream: random.chance(0.5) }),
      };
      const bytes = Buffer.from(serialize(body, random, () => random.chance(0.5)));

      const sent = parse(nextTurn(readWarmable(bytes)!, JSON.stringify(reply)));
      const next = [...messages, reply, { role: "user", content: randomText(random) }];
      const { messages: warm, ...others } = sent;
      expect((warm as Json[]).slice(0, -1)).toEqual(normal(next.slice(0, -1)) as Json[]);
      expect((warm as Json[]).length).toBe(next.length);
      const { messages: _, ...before } = parse(bytes);
      expect(others).toEqual({ ...before, max_tokens: 1, stream: true });
    },
  );
});

// --- internal ---

function assistantTurn(random: Random): Message {
  return {
    role: "assistant",
    content: random.some(1, 3, () =>
      random.chance(0.5)
        ? { type: "thinking", thinking: randomText(random), signature: randomText(random) }
        : { type: "text", text: randomText(random) },
    ),
  };
}

/** As a JSON parser sees it: `undefined` members are gone. */
function normal(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
