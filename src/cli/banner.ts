import { foreign } from "../format/foreign.ts";
import { isLoopback } from "../proxy/guard.ts";
import { describeServer } from "../terminal/server-line.ts";
import { urlOf } from "../upstream/address.ts";
import type { Answer } from "../upstream/upstream.ts";
import type { ServerView } from "../upstream/watch.ts";
import { type Options, version } from "./options.ts";

/** Where the proxy listens and forwards, what answers there and, after an empty line, the command that starts Claude Code. */
export function banner(
  options: Options,
  url: string,
  server: ServerView,
  platform: NodeJS.Platform = process.platform,
): string {
  const local = localUrl(url);
  return [
    `cache-proxy ${version}`,
    `  listens on   ${url}`,
    `  forwards to  ${urlOf(options.upstream)}`,
    ...describeServer(server).map((line, index) => `  ${index === 0 ? "upstream" : "        "}     ${line}`),
    `  live page    ${local}/cache-proxy/`,
    "",
    "Start Claude Code in another terminal:",
    `  ${startCommand(local, platform)}`,
    "",
  ].join("\n");
}

/** The same as the fields of a JSON object. */
export function bannerFields(options: Options, url: string, server: ServerView): Record<string, unknown> {
  return {
    version,
    url,
    page: `${localUrl(url)}/cache-proxy/`,
    upstream: urlOf(options.upstream),
    command: startCommand(localUrl(url), process.platform),
    server,
  };
}

/** For an address that other machines can reach; `undefined` on loopback. */
export function exposureWarning({ host }: Options): string | undefined {
  if (isLoopback(host)) return undefined;
  return `--host ${host}: everyone who can reach this address can use llama-server; leave --host out to listen on 127.0.0.1 only`;
}

/** For an upstream that does not answer; requests get a 502 until it does. */
export function upstreamWarning({ upstream }: Options, answer: Answer): string | undefined {
  if (!("cause" in answer)) return undefined;
  return `cannot reach llama-server at ${urlOf(upstream)}: ${foreign(answer.cause)}; start it or pass --upstream. Requests get a 502 until it answers`;
}

// --- internal ---

/** An address of all interfaces is none to connect to. */
function localUrl(url: string): string {
  return url.replace(/\/\/(?:0\.0\.0\.0|\[::\])(?=:|$)/, "//127.0.0.1");
}

function startCommand(url: string, platform: NodeJS.Platform): string {
  return platform === "win32"
    ? `$env:ANTHROPIC_BASE_URL="${url}"; $env:ANTHROPIC_AUTH_TOKEN="local"; claude`
    : `ANTHROPIC_BASE_URL=${url} ANTHROPIC_AUTH_TOKEN=local claude`;
}
