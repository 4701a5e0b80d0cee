import { expect, test } from "bun:test";
import { Output } from "../../src/terminal/output.ts";
import { Screen } from "./screen.ts";

test("lines stay whole above the status line, whatever their length", () => {
  const screen = new Screen();
  const output = new Output(screen);
  output.status("prefill 12 300 / about 18 000 tokens, 290 tokens/s");
  output.line("short");
  output.line("7 requests, 81 567 prompt tokens\n  cached     9 tokens");
  expect(screen.text).toBe(
    "short\n7 requests, 81 567 prompt tokens\n  cached     9 tokens\nprefill 12 300 / about 18 000 tokens, 290 tokens/s",
  );
});

test("a shorter status line leaves nothing of a longer one, and a removed one leaves nothing at all", () => {
  const screen = new Screen();
  const output = new Output(screen);
  output.line("first");
  output.status("a long status line");
  output.status("short");
  expect(screen.text).toBe("first\nshort");
  output.status(undefined);
  output.line("second");
  expect(screen.text).toBe("first\nsecond");
});

test("an unchanged status line is not written again", () => {
  const screen = new Screen();
  const output = new Output(screen);
  output.status("same");
  output.status("same");
  expect(screen.written.length).toBe(1);
});

test("after Ctrl-C the next line starts on a line of its own, with and without a status line", () => {
  for (const status of [undefined, "prefill 300 tokens"]) {
    const screen = new Screen();
    const output = new Output(screen);
    output.status(status);
    screen.write("^C");
    output.interrupted();
    output.line("waiting");
    const want = [status === undefined ? "^C" : undefined, "waiting", status];
    expect(screen.text).toBe(want.filter((line) => line !== undefined).join("\n"));
  }
});

test("a file gets lines only", () => {
  const screen = new Screen({ isTTY: false });
  const output = new Output(screen);
  output.status("prefill");
  output.interrupted();
  output.line("a line");
  expect(screen.written).toEqual(["a line\n"]);
  expect(output.hasColor).toBe(false);
});

test("a terminal of unknown width has 80 columns", () => {
  expect(new Output(new Screen({ columns: 0 })).columns).toBe(80);
  expect(new Output(new Screen({ columns: 132 })).columns).toBe(132);
});

test("flush resolves when the stream has taken everything", async () => {
  const screen = new Screen();
  await new Output(screen).flush();
  expect(screen.text).toBe("");
});
