import { describe, expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import { EventReader, MAX_EVENT_LENGTH } from "../../src/usage/events.ts";
import { property, type Random, seeded } from "../support/seeded.ts";
import { cuts } from "./pieces.ts";

const encoder = new TextEncoder();

function read(chunks: readonly Uint8Array[]): string[] {
  const events: string[] = [];
  const reader = new EventReader(
    (data) => void events.push(data),
    () => void events.push("(skipped)"),
  );
  for (const chunk of chunks) reader.push(chunk);
  return events;
}

/** The parser's own result for the text as a whole. */
function reference(text: string): string[] {
  const events: string[] = [];
  createParser({ onEvent: (event) => void events.push(event.data) }).feed(text);
  return events;
}

function expectEvents(text: string, want: string[], random: Random): void {
  for (const chunks of cuts(encoder.encode(text), random)) expect(read(chunks)).toEqual(want);
}

describe("an event stream gives the same events however it is cut", () => {
  const cases: { name: string; text: string; want: string[] }[] = [
    { name: "one event", text: 'data: {"a":1}\n\n', want: ['{"a":1}'] },
    { name: "CRLF", text: "data: a\r\n\r\ndata: b\r\n\r\n", want: ["a", "b"] },
    { name: "CR alone", text: "data: a\r\rdata: b\r\r", want: ["a", "b"] },
    { name: "mixed line ends", text: "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n\r", want: ["a", "b", "c"] },
    { name: "a byte order mark", text: "\ufeffdata: a\n\n", want: ["a"] },
    { name: "a second byte order mark is part of a name", text: "\ufeff\ufeffdata: a\n\n", want: [] },
    { name: "several data lines", text: "data: a\ndata:\ndata: c\n\n", want: ["a\n\nc"] },
    { name: "only the first space is dropped", text: "data:  a \n\n", want: [" a "] },
    { name: "no space", text: "data:a:b\n\n", want: ["a:b"] },
    { name: "no colon", text: "data\n\n", want: [""] },
    { name: "comments and other fields", text: ": hi\nevent: x\nid: 1\ndata: a\nretry: 5\n\n", want: ["a"] },
    { name: "an event without data", text: "event: ping\n\ndata: a\n\n", want: ["a"] },
    { name: "similar names", text: "dat: a\ndatax: b\ndata : c\nDATA: d\n\n", want: [] },
    { name: "an event that breaks off", text: "data: a\n\ndata: b\n", want: ["a"] },
    { name: "multibyte text", text: "data: żółć 🦙\n\n", want: ["żółć 🦙"] },
    { name: "nothing", text: "", want: [] },
  ];
  for (const { name, text, want } of cases) {
    test(name, () => expectEvents(text, want, seeded(7)));
  }
});

property("a random stream gives the same events in pieces as in one string", 1500, (random) => {
  const parts = [
    "data",
    "data:",
    "data: ",
    ":",
    " ",
    "event: x",
    "id: 1",
    "é🦙",
    "a",
    '{"b":2}',
    "d",
    "\ufeff",
  ];
  const ends = random.pick([["\n"], ["\r\n"], ["\n", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r\r"]]);
  const start = random.chance(0.1) ? "\ufeff" : "";
  const middle = random.some(0, 30, () => random.pick(random.chance(0.5) ? parts : ends));
  // The parser holds back a carriage return at the end of a chunk until it sees what follows.
  const text = `${start}${middle.join("")}\n: end\n`;
  for (const chunks of cuts(encoder.encode(text), random)) {
    expect({ text, events: read(chunks) }).toEqual({ text, events: reference(text) });
  }
});

describe("an event that is too long is skipped, and the next one is read", () => {
  const long = "x".repeat(MAX_EVENT_LENGTH + 100_000);
  const line = `${"x".repeat(1023)}\n`;
  const cases: { name: string; text: string }[] = [
    { name: "one line", text: `data: ${long}data: y\n\n` },
    { name: "many lines", text: `${`data: ${line}`.repeat(1100)}\n` },
    { name: "CRLF", text: `data: ${long}data: y\r\n\r\n` },
    { name: "many lines, CRLF", text: `${`data: ${line}`.repeat(1100)}\n`.replaceAll("\n", "\r\n") },
    { name: "a long event name", text: `event: ${long}\n\n` },
  ];
  for (const { name, text } of cases) {
    test(name, () => {
      const skipped = encoder.encode(text);
      const chunks = [];
      for (let at = 0; at < skipped.length; at += 65_536) chunks.push(skipped.subarray(at, at + 65_536));
      const events = read([...chunks, encoder.encode("data: b\n\ndata: c\n\n")]);
      expect(events[0]).toBe("(skipped)");
      expect(events.slice(-2)).toEqual(["b", "c"]);
    });
  }
});

test("an event of many megabytes in one chunk does not throw", () => {
  const long = `data: ${"x".repeat(5 * MAX_EVENT_LENGTH)}`;
  for (const end of ["", "\n", "\n\n", "\r\n\r\n", "\ndata: y\n\n"]) {
    expect(() => read([encoder.encode(long + end), encoder.encode("data: b\n\n")])).not.toThrow();
  }
});
