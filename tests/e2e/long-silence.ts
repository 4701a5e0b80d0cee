/**
 * Checks that Claude Code waits through an eight-minute prefill when it goes through the compiled binary:
 * `bun tests/e2e/long-silence.ts [MINUTES]`. It takes that long, so it is not one of the tests; bench/runs/ has its output.
 * Exits with 1 if any request was sent twice.
 */
import { claudeCode } from "./setup/claude-code.ts";
import { newUser, runSession } from "./support/claude.ts";
import { startFaultyUpstream } from "./support/faulty-upstream.ts";
import { startProxy } from "./support/proxy.ts";
import { text } from "./support/scenario.ts";

const MINUTES = Number(process.argv[2] ?? 8);
const silenceMs = MINUTES * 60_000;

const claude = await claudeCode("2.1.330");
await using upstream = await startFaultyUpstream(
  { "Wait for me": [[text("I am back.")]] },
  { fault: "break", silenceMs, isDue: () => false },
);
await using proxy = await startProxy(upstream.origin);
using user = newUser();

console.log(
  `Claude Code ${claude.version} through cache-proxy; the upstream is silent for ${MINUTES} minutes, then answers`,
);
const started = performance.now();
const session = await runSession("Wait for me", {
  claude,
  user,
  baseUrl: proxy.origin,
  longestMs: 2 * silenceMs,
});
const seconds = Math.round((performance.now() - started) / 1000);
console.log(
  `session: ${seconds} s, exit code ${session.exitCode}, output ${JSON.stringify(session.output.trim())}`,
);
console.log(`requests to the upstream: ${upstream.requests.length}`);
process.exitCode = session.exitCode === 0 && upstream.requests.length === 1 ? 0 : 1;
