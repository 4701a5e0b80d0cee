import { type Break, type Message, nextTurn, plainRequest, type Request, say, words } from "./breaks.ts";

/** PNGs of one pixel, a red one and a blue one. */
const RED = pixel("P4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC");
const BLUE = pixel("NgYPgPAAEDAQAIicLsAAAAAElFTkSuQmCC");

/**
 * The models here have no vision: the proxy puts a text in place of each image, the same for all. So another image changes nothing, and one
 * that comes or goes changes its message.
 */
export const IMAGE_BREAKS: readonly Break[] = [
  {
    title: "an image in the newest message",
    expected: ["none"],
    next: (turn) => withImage(nextTurn(turn), -1, RED),
  },
  {
    title: "an early image replaced by another one",
    expected: ["none"],
    first: withEarlyImage,
    next: (turn) => withoutImage(withImage(nextTurn(turn), 0, BLUE), 0, RED),
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
    next: (turn) => withImage(nextTurn(turn), 0, RED),
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
    next: (turn) => withoutImage(nextTurn(turn), 0, RED),
  },
  {
    title: "a screenshot pruned from an early tool result",
    expected: ["message_edited"],
    first: (name) => withResult(plainRequest(name), [{ type: "text", text: words("shown", 30) }, RED]),
    next: (turn) => withResult(nextTurn(turn), "[Old tool result content cleared]"),
  },
];

// --- internal ---

function pixel(end: string): object {
  const data = `iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nG${end}`;
  return { type: "image", source: { type: "base64", media_type: "image/png", data } };
}

function withEarlyImage(name: string): Request {
  return withImage(plainRequest(name), 0, RED);
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
  const isThere = messages.length > 5 && typeof messages[1]!.content !== "string";
  return { ...rest, messages: [...step, ...messages.slice(isThere ? step.length : 0)] };
}
