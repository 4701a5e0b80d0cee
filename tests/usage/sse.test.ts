import { describe, expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import { EventSplitter } from "../../src/usage/sse.ts";
import { property, type Random, seeded } from "../support/seeded.ts";
import { cuts } from "./pieces.ts";

const encoder = new TextEncoder();

function split(chunks: readonly Uint8Array[]): string[] {
  const events: string[] = [];
  let data: number[] = [];
  const splitter = new EventSplitter({
    data: (bytes, start, end) => void data.push(...bytes.subarray(start, end)),
    dispatch: () => {
      events.push(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(data)));
      data = [];
    },
  });
  for (const chunk of chunks) splitter.push(chunk);
  return events;
}

/** The maintained parser's reading of the same stream. */
function reference(text: string): string[] {
  const events: string[] = [];
  createParser({ onEvent: (event) => void events.push(event.data) }).feed(text);
  return events;
}

function expectSplit(text: string, want: string[], random: Random): void {
  for (const chunks of cuts(encoder.encode(text), random)) expect(split(chunks)).toEqual(want);
}

describe("an event stream is split the same however it is cut", () => {
  const cases: { name: string; text: string; want: string[] }[] = [
    { name: "one event", text: 'data: {"a":1}\n\n', want: ['{"a":1}'] },
    { name: "CRLF", text: "data: a\r\n\r\ndata: b\r\n\r\n", want: ["a", "b"] },
    { name: "CR alone", text: "data: a\r\rdata: b\r\r", want: ["a", "b"] },
    { name: "line ends mixed", text: "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n\r", want: ["a", "b", "c"] },
    { name: "a byte order mark", text: "\ufeffdata: a\n\n", want: ["a"] },
    { name: "a second byte order mark is part of a name", text: "\ufeff\ufeffdata: a\n\n", want: [] },
    { name: "several data lines", text: "data: a\ndata:\ndata: c\n\n", want: ["a\n\nc"] },
    { name: "only the first space is dropped", text: "data:  a \n\n", want: [" a "] },
    { name: "no space", text: "data:a:b\n\n", want: ["a:b"] },
    { name: "no colon", text: "data\n\n", want: [""] },
    { name: "comments and other fields", text: ": hi\nevent: x\nid: 1\ndata: a\nretry: 5\n\n", want: ["a"] },
    { name: "an event without data", text: "event: ping\n\ndata: a\n\n", want: ["a"] },
    { name: "names that begin alike", text: "dat: a\ndatax: b\ndata : c\nDATA: d\n\n", want: [] },
    { name: "an event that is cut off", text: "data: a\n\ndata: b\n", want: ["a"] },
    { name: "multibyte text", text: "data: żółć 🦙\n\n", want: ["żółć 🦙"] },
    { name: "nothing", text: "", want: [] },
  ];
  for (const { name, text, want } of cases) {
    test(name, () => expectSplit(text, want, seeded(7)));
  }
});

property("a random stream gives the events that eventsource-parser gives", 1500, (random) => {
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
  // The reference keeps a carriage return at the very end back until it knows what follows; so let something follow.
  const text = `${start}${middle.join("")}\n: end\n`;
  for (const chunks of cuts(encoder.encode(text), random)) {
    expect({ text, events: split(chunks) }).toEqual({ text, events: reference(text) });
  }
});
