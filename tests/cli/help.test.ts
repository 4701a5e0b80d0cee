import { expect, test } from "bun:test";
import { stripVTControlCharacters } from "node:util";
import { defineCommand } from "citty";
import { renderHelp } from "../../src/cli/help.ts";

const serve = defineCommand({
  meta: { name: "cache-proxy", description: "Keeps the cache warm" },
  args: {
    port: { type: "string", default: "8081", valueHint: "port", description: "Port to listen on" },
    "system-turns": { type: "enum", options: ["fold", "keep"], description: "Fold turns ".repeat(9).trim() },
    help: { type: "boolean", alias: "h", description: "Print this help" },
  },
  subCommands: { run: defineCommand({ meta: { name: "run", description: "Starts a command" }, args: {} }) },
});

test("flags are on the left, with their values and defaults, and there is an example and the page's address", async () => {
  const help = await renderHelp(serve, { columns: 80, color: false });
  expect(help).toContain("Usage: cache-proxy [command] [flags]\n");
  expect(help).toContain("\n  run");
  expect(help).toMatch(/\n {2}--port=port {2,}Port to listen on \(default 8081\)\n/);
  expect(help).toMatch(/\n {2}-h, --help {2,}Print this help\n/);
  expect(help).toContain("ANTHROPIC_BASE_URL=http://127.0.0.1:8081");
  expect(help).toContain("http://127.0.0.1:8081/cache-proxy/");
});

test("no line of text reaches the edge, and no word is split", async () => {
  const words = (text: string): string[] => text.split(/\s+/).toSorted();
  const wide = await renderHelp(serve, { columns: 100, color: false });
  for (const columns of [40, 60, 80, 200]) {
    const help = await renderHelp(serve, { columns, color: false });
    expect(words(help)).toEqual(words(wide));
    // Commands to copy are not wrapped.
    const text = help.split("\n").filter((line) => !/^ {2}(?:ANTHROPIC|llama-server|cache-proxy)/.test(line));
    expect(Math.max(...text.map((line) => line.length))).toBeLessThan(Math.min(columns, 101));
  }
});

test("color adds only escape sequences", async () => {
  const colored = await renderHelp(serve, { columns: 80, color: true });
  expect(stripVTControlCharacters(colored)).toBe(await renderHelp(serve, { columns: 80, color: false }));
});

test("a subcommand has its parent's name", async () => {
  const run = defineCommand({ meta: { name: "run", description: "Starts a command" }, args: {} });
  expect(await renderHelp(run, { columns: 80, color: false }, serve)).toContain(
    "Usage: cache-proxy run [flags] -- command",
  );
});
