import { expect, test } from "bun:test";
import { banner, exposureWarning, upstreamWarning } from "../../src/cli/banner.ts";
import type { Options } from "../../src/cli/options.ts";
import { readOptions } from "../../src/cli/options.ts";

const OPTIONS = readOptions([]) as Options;
const URL = "http://127.0.0.1:8081";
const CONTROL = /[^\P{Cc}\n]/u;

test("what the upstream says about itself cannot move the cursor or add a line", () => {
  const facts = {
    ...{ model: "tiny\n  forged\x1b[2J", build: "b1\x9b31m\u202e", slots: 2, context: 4096 },
    strictAlternation: false,
  };
  const text = banner(OPTIONS, URL, { facts });
  expect(text).not.toMatch(CONTROL);
  expect(text).not.toContain("\u202e");
  expect(text).not.toMatch(/^ *forged/m);
  expect(text).toContain("llama-server b1\\u009b31m\\u202e, tiny\\u000a  forged\\u001b[2J\n");
  expect(text).toContain("2 slots, 4096 tokens of context");
});

test("the cause of a failure is one short line", () => {
  const warning = upstreamWarning(OPTIONS, { cause: `no\r\n\x1b[2J${"x".repeat(500)}` })!;
  expect(warning).not.toMatch(/\p{Cc}/u);
  expect(warning.length).toBeLessThan(300);
  expect(warning).toContain("start it or pass --upstream");
});

test("an upstream without /props or without an answer still has a banner", () => {
  expect(banner(OPTIONS, URL, { status: 404 })).toContain("answers, but not like llama-server");
  expect(banner(OPTIONS, URL, { cause: "connection refused" })).toContain("does not answer yet");
});

test("only an address that others can reach has a warning", () => {
  expect(exposureWarning(OPTIONS)).toBeUndefined();
  expect(exposureWarning({ ...OPTIONS, host: "0.0.0.0" })).toContain("everyone who can reach");
  expect(banner(OPTIONS, "http://0.0.0.0:8081", { status: 404 })).toContain(
    "ANTHROPIC_BASE_URL=http://127.0.0.1:8081 ",
  );
});
