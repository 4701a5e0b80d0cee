import { crc32, deflateSync } from "node:zlib";
import {
  afterOthers,
  afterRestart,
  type Break,
  type Message,
  nextTurn,
  plainRequest,
  pruned,
  type Request,
  say,
  words,
} from "./breaks.ts";

const RED = image(1, () => 255);
const BLUE = image(1, (at) => (at % 3 === 2 ? 255 : 0));
/** Noise, so that it is as large as a screenshot: 250 KB, which is not many tokens. */
const SCREENSHOT = image(256, (at) => Bun.hash(String(at)) % 251n);
const OTHER_SCREENSHOT = image(256, (at) => Bun.hash(`other ${at}`) % 251n);

/** What happens to images, whether the model sees them or gets the proxy's text in place of each. */
const IMAGE_BREAKS: readonly Break[] = [
  {
    title: "an image in the newest message",
    expected: ["none"],
    next: (turn) => withImage(nextTurn(turn), -1, SCREENSHOT),
  },
  {
    title: "a next turn after an early image",
    expected: ["none"],
    first: withEarlyImage,
    next: (turn) => nextTurn(turn),
  },
  {
    title: "an image added to an early message",
    expected: ["message_edited"],
    next: (turn) => withImage(nextTurn(turn), 0, SCREENSHOT),
  },
  {
    title: "an early message replaced by an image",
    expected: ["message_edited"],
    next: (turn) => {
      const next = nextTurn(turn);
      return { ...next, messages: next.messages.with(2, { role: "user", content: [RED] }) };
    },
  },
  {
    title: "an early image removed",
    expected: ["message_edited"],
    first: withEarlyImage,
    next: (turn) => withoutImage(nextTurn(turn), 0, SCREENSHOT),
  },
  {
    title: "a screenshot pruned from an early tool result",
    expected: ["message_edited"],
    first: (name) => withResult(plainRequest(name), [{ type: "text", text: words("shown", 30) }, SCREENSHOT]),
    next: (turn) => withResult(nextTurn(turn), "[Old tool result content cleared]"),
  },
];

/** Each image gets the same text: another one changes nothing. */
export const UNSEEN_IMAGE_BREAKS: readonly Break[] = [
  ...IMAGE_BREAKS,
  {
    title: "an early image replaced by another one",
    expected: ["none"],
    first: withEarlyImage,
    next: (turn) => withOtherImage(nextTurn(turn)),
  },
];

export const SEEN_IMAGE_BREAKS: readonly Break[] = [
  ...IMAGE_BREAKS,
  {
    title: "an early image replaced by another one",
    expected: ["message_edited"],
    first: withEarlyImage,
    next: (turn) => withOtherImage(nextTurn(turn)),
  },
  {
    title: "a small image replaced by another one",
    expected: ["message_edited"],
    first: (name) => withImage(plainRequest(name), 2, RED),
    next: (turn) => withoutImage(withImage(nextTurn(turn), 2, BLUE), 2, RED),
  },
  {
    title: "a message edited after an early image",
    expected: ["message_edited"],
    first: withEarlyImage,
    next: pruned,
  },
  {
    title: "a date in the system prompt changed, with an image in the history",
    expected: ["system_changed"],
    first: withEarlyImage,
    next: (turn) => ({ ...nextTurn(turn), system: [turn.system[0]!, `${turn.system[1]} Tuesday`] }),
  },
  {
    title: "the server restarted, with an image in the history",
    expected: ["server_restarted"],
    first: withEarlyImage,
    next: afterRestart,
  },
  {
    title: "another session in between, with an image in the history",
    expected: ["none"],
    first: withEarlyImage,
    next: afterOthers({}),
  },
  {
    title: "a new session that begins with an image",
    expected: ["new_session"],
    next: (turn, { name }) => {
      const session = `${name}2-0000-4000-8000-000000000000`;
      return withImage({ ...turn, session, messages: [say(words("q", 200))] }, 0, SCREENSHOT);
    },
  },
];

// --- internal ---

/** A square PNG of so many pixels on each side, as a block of Anthropic's API. `value` gives each byte: red, green, blue. */
function image(side: number, value: (at: number) => number | bigint): object {
  const row = (y: number) => [
    0,
    ...Array.from({ length: side * 3 }, (_, x) => Number(value(y * side * 3 + x))),
  ];
  const pixels = Buffer.from(Array.from({ length: side }, (_, y) => row(y)).flat());
  const size = Buffer.alloc(8);
  size.writeUInt32BE(side, 0);
  size.writeUInt32BE(side, 4);
  const data = Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", Buffer.concat([size, Buffer.from([8, 2, 0, 0, 0])])),
    chunk("IDAT", deflateSync(pixels)),
    chunk("IEND", Buffer.alloc(0)),
  ]).toString("base64");
  return { type: "image", source: { type: "base64", media_type: "image/png", data } };
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

function withEarlyImage(name: string): Request {
  return withImage(plainRequest(name), 0, SCREENSHOT);
}

function withOtherImage(request: Request): Request {
  return withoutImage(withImage(request, 0, OTHER_SCREENSHOT), 0, SCREENSHOT);
}

function withImage(request: Request, at: number, image: object): Request {
  return withContent(request, at, (blocks) => [image, ...blocks]);
}

function withoutImage(request: Request, at: number, image: object): Request {
  return withContent(request, at, (blocks) => blocks.filter((block) => block !== image));
}

function withContent(
  { messages, ...rest }: Request,
  at: number,
  change: (blocks: readonly object[]) => readonly object[],
): Request {
  const { role, content } = messages.at(at)!;
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return { ...rest, messages: messages.with(at, { role, content: change(blocks) }) };
}

/** The first step of the conversation is a tool call that returned `content`. */
function withResult({ messages, ...rest }: Request, content: string | readonly object[]): Request {
  const id = "toolu_shot";
  const step: Message[] = [
    say(words("look", 20)),
    { role: "assistant", content: [{ type: "tool_use", id, name: "Read", input: { path: "a.png" } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: id, content }] },
    { role: "assistant", content: "I see." },
  ];
  const isThere = typeof messages[1]!.content !== "string";
  return { ...rest, messages: [...step, ...messages.slice(isThere ? step.length : 0)] };
}
