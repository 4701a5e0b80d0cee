/**
 * Makes the README's picture of the live page: `bun tests/e2e/screenshot.ts` writes .github/page.png. It replays real Claude
 * Code sessions through the compiled binary to a real llama.cpp server, and takes the picture during a long prefill.
 */
import { join } from "node:path";
import { chromium as driver } from "playwright-core";
import { chromium } from "./setup/chromium.ts";
import { claudeCode } from "./setup/claude-code.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import type { Recorded } from "./support/recording.ts";
import { resend, withMaxTokens } from "./support/replay.ts";
import { recordStory, STORIES } from "./support/stories.ts";

const FILE = join(import.meta.dir, "../../.github/page.png");
const CHOSEN = ["subagent", "/compact", "--continue", "two sessions"];
const TOKENS = 8;

const claude = await claudeCode("2.1.330");
const sessions: (readonly Recorded[])[] = [];
for (const name of CHOSEN) sessions.push(await recordStory(STORIES[name]!, claude));

await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja");
await using proxy = await startProxy(server.origin);
const browser = await driver.launch({ executablePath: await chromium(), args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 1072 }, deviceScaleFactor: 1.5 });
await page.goto(`${proxy.origin}/cache-proxy/`);

for (const request of sessions.flat()) {
  await resend({ ...request, body: withMaxTokens(request.body, TOKENS) }, proxy.origin);
}
const last = sessions.at(-1)!.findLast(({ body }) => body.length > 20_000)!;
const long = resend(lengthened(last), proxy.origin);
await page.waitForSelector("#now .what:has-text('tokens/s')", { timeout: 120_000 });
await page.screenshot({ path: FILE });
await long;
await browser.close();
console.log(FILE);

/** The same request with a longer conversation, as after reading a large file. */
function lengthened(request: Recorded): Recorded {
  const body = JSON.parse(new TextDecoder().decode(request.body));
  const content = "One more line of a long file, with some words in it.\n".repeat(2600);
  body.messages = [...body.messages, { role: "assistant", content: "I read." }, { role: "user", content }];
  return { ...request, body: new Uint8Array(Buffer.from(JSON.stringify({ ...body, max_tokens: TOKENS }))) };
}
