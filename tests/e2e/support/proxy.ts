import { join } from "node:path";
import { startChild, within } from "./child.ts";
import type { TestServer } from "./recording.ts";

/** Built by `bun run e2e` before the tests. The variable selects another build, such as a released one. */
export const BINARY =
  process.env.CACHE_PROXY_E2E_BINARY ?? join(import.meta.dir, "../../../dist/cache-proxy");

export interface Proxy extends TestServer {
  /** Its stderr so far. */
  messages(): string;
}

/** Starts the compiled binary on a free port in front of `upstream`. It has no home, so it remembers nothing. */
export async function startProxy(upstream: string, ...flags: string[]): Promise<Proxy> {
  return await startProxyWith({}, upstream, ...flags);
}

/** The same with an environment. */
export async function startProxyWith(
  env: Record<string, string>,
  upstream: string,
  ...flags: string[]
): Promise<Proxy> {
  const child = startChild([BINARY, "--port", "0", "--upstream", upstream, ...flags], { env });
  const [, origin = ""] = await within(
    10_000,
    child.said(/ANTHROPIC_BASE_URL=(http:\S+) .*claude/),
    child.messages,
  );
  return { origin, messages: child.messages, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
