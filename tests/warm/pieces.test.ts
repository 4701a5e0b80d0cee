import { describe, expect, test } from "bun:test";
import { readWarmable } from "../../src/warm/body.ts";
import { type Cutting, cutsOf, pieceOf, thinksInLoop, wholeOf } from "../../src/warm/pieces.ts";
import { conversation, type Message } from "../support/conversation.ts";
import { property } from "../support/seeded.ts";

const PLACEHOLDER = { role: "user", content: [{ type: "text", text: "." }] };
const BRIEF = { role: "assistant", content: [{ type: "text", text: "." }] };
const ANSWER: Message = { role: "assistant", content: [{ type: "text", text: "done" }] };
const TURN = JSON.stringify(ANSWER);
const CUTTING: Cutting = { turn: TURN, from: "loop", rendering: "user", pieceBytes: 100 };

const words = (text: string): Message => ({ role: "user", content: [{ type: "text", text }] });
const call = (id: string, thinking = ""): Message => ({
  role: "assistant",
  content: [
    ...(thinking ? [{ type: "thinking", thinking, signature: "" }] : []),
    { type: "tool_use", id, name: "Bash", input: {} },
  ],
});
const result = (id: string): Message => ({
  role: "user",
  content: [{ type: "tool_result", tool_use_id: id, content: "x".repeat(60) }],
});
const bodyOf = (messages: readonly Message[]) => readWarmable(Buffer.from(JSON.stringify({ messages })))!;
const messagesIn = (bytes: Buffer): Message[] => JSON.parse(bytes.toString()).messages;

const EARLIER = [words("first"), call("a"), result("a"), call("b"), result("b"), ANSWER];
const LOOP = [words("second"), call("c", "hm"), result("c"), call("d"), result("d"), call("e"), result("e")];

describe("cutsOf", () => {
  test("cuts the last tool loop after user turns", () => {
    expect(cutsOf(bodyOf([...EARLIER, ...LOOP]), CUTTING)).toEqual([9, 11]);
  });

  test("cuts from the start where the server may have nothing", () => {
    expect(cutsOf(bodyOf([...EARLIER, ...LOOP]), { ...CUTTING, from: "all" })).toEqual([3, 5, 7, 9, 11]);
  });

  test("never cuts where the server has all but the last message", () => {
    expect(cutsOf(bodyOf([...EARLIER, ...LOOP]), { ...CUTTING, from: "tail" })).toEqual([]);
  });

  test("makes pieces at least as large as asked for", () => {
    expect(cutsOf(bodyOf([...EARLIER, ...LOOP]), { ...CUTTING, from: "all", pieceBytes: 400 })).toEqual([
      5, 9,
    ]);
    expect(cutsOf(bodyOf([...EARLIER, ...LOOP]), { ...CUTTING, from: "all", pieceBytes: 4_000 })).toEqual([]);
  });

  test("takes a turn with a result and words for the start of a loop", () => {
    const both: Message = {
      role: "user",
      content: [...(result("c").content as object[]), { type: "text", text: "stop" }] as never,
    };
    const messages = [words("first"), call("c"), both, call("d"), result("d"), call("e"), result("e")];
    expect(cutsOf(bodyOf(messages), CUTTING)).toEqual([5]);
  });
});

describe("pieceOf", () => {
  const body = bodyOf([...EARLIER, ...LOOP]);

  test("ends a finished loop with a placeholder, so that templates render it as a finished one", () => {
    expect(messagesIn(pieceOf(body, 9, CUTTING))).toEqual([...EARLIER, ...LOOP.slice(0, 3), PLACEHOLDER]);
    expect(messagesIn(pieceOf(body, 3, CUTTING))).toEqual([...EARLIER.slice(0, 3), PLACEHOLDER]);
  });

  test("leaves a loop that still runs as it is", () => {
    const running = { ...CUTTING, turn: undefined };
    expect(messagesIn(pieceOf(body, 9, running))).toEqual([...EARLIER, ...LOOP.slice(0, 3)]);
    expect(messagesIn(pieceOf(body, 3, running))).toEqual([...EARLIER.slice(0, 3), PLACEHOLDER]);
  });

  test("puts no placeholder after the user's words, and none where the template keeps everything", () => {
    expect(messagesIn(pieceOf(body, 7, CUTTING))).toEqual([...EARLIER, LOOP[0]!]);
    for (const rendering of ["kept", undefined] as const)
      expect(messagesIn(pieceOf(body, 9, { ...CUTTING, rendering }))).toEqual([
        ...EARLIER,
        ...LOOP.slice(0, 3),
      ]);
  });

  test("has an answer in front of the placeholder where the template looks for one", () => {
    const piece = messagesIn(pieceOf(body, 9, { ...CUTTING, rendering: "answer" }));
    expect(piece.slice(9)).toEqual([BRIEF, PLACEHOLDER] as never[]);
  });

  test("asks for one token of a stream", () => {
    expect(JSON.parse(pieceOf(body, 9, CUTTING).toString())).toMatchObject({ max_tokens: 1, stream: true });
  });
});

test("thinksInLoop looks at the last loop only", () => {
  expect(thinksInLoop(bodyOf([...EARLIER, ...LOOP]))).toBe(true);
  expect(thinksInLoop(bodyOf([words("first"), call("a", "hm"), result("a"), ANSWER, words("second")]))).toBe(
    false,
  );
});

property("pieces grow, and each is a prefix of the whole but for its placeholder", 200, (random) => {
  const history = conversation(random);
  for (let turns = random.below(12); turns > 0; turns--) history.grow();
  const body = bodyOf(history.request());
  const cutting: Cutting = {
    turn: random.pick([TURN, undefined]),
    from: random.pick(["tail", "loop", "all"]),
    rendering: random.pick(["kept", "user", "answer", undefined] as const),
    pieceBytes: random.pick([1, 50, 400]),
  };
  const whole = messagesIn(wholeOf(body, cutting));
  const cuts = cutsOf(body, cutting);
  expect(cuts).toEqual(cuts.toSorted((a, b) => a - b));
  expect(new Set(cuts).size).toBe(cuts.length);
  for (const cut of cuts) {
    const piece = messagesIn(pieceOf(body, cut, cutting));
    expect(piece.slice(0, cut)).toEqual(whole.slice(0, cut));
    const expected = cutting.rendering === "answer" ? [BRIEF, PLACEHOLDER] : [PLACEHOLDER];
    expect(piece.slice(cut)).toEqual(piece.length > cut ? (expected as never[]) : []);
    expect(cut).toBeLessThan(body.turns.length);
    expect(piece[cut - 1]!.role).toBe("user");
  }
});
