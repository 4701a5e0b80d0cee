import { expect, test } from "bun:test";
import { createLog, type LogFormat } from "../../src/terminal/log.ts";
import { Output } from "../../src/terminal/output.ts";
import { Screen } from "./screen.ts";

function logging(format: LogFormat, isTTY: boolean) {
  const screen = new Screen({ isTTY });
  const output = new Output(screen);
  return { screen, output, log: createLog(output, format) };
}

test("text is the message; a warning is labeled", () => {
  const { screen, log } = logging("text", false);
  log.withTag("body").log("one");
  log.warn("two");
  expect(screen.written).toEqual(["one\n", "warning: two\n"]);
});

test("JSON is one object per line with event, time and message, even for several lines", () => {
  const { screen, log } = logging("json", true);
  log.withTag("summary").log("one\ntwo");
  log.warn("three");
  const objects = screen.text.split("\n").map((line) => JSON.parse(line));
  expect(objects).toMatchObject([
    { event: "summary", message: "one\ntwo" },
    { event: "warning", message: "three" },
  ]);
  for (const { time } of objects) expect(new Date(time).toISOString()).toBe(time);
});

test("a message does not touch the status line", () => {
  const { screen, output, log } = logging("text", true);
  output.status("prefill 12 300 tokens, 290 tokens/s");
  log.withTag("body").log("POST /: 2 bytes");
  expect(screen.text).toBe("POST /: 2 bytes\nprefill 12 300 tokens, 290 tokens/s");
});

test("equal messages are all written", () => {
  const { screen, log } = logging("text", false);
  for (let i = 0; i < 20; i++) log.warn("the same");
  expect(screen.written.length).toBe(20);
});
