import { foreign } from "../format/foreign.ts";
import { isLoopback } from "../proxy/guard.ts";
import { urlOf } from "../upstream/address.ts";
import type { ServerFacts } from "../upstream/props.ts";
import type { Answer } from "../upstream/upstream.ts";
import { type Options, version } from "./options.ts";

/** Where the proxy listens and forwards, what answers there, and the command that starts Claude Code. */
export function banner(options: Options, url: string, answer: Answer): string {
  const local = url.replace(/\/\/(?:0\.0\.0\.0|\[::\])(?=:|$)/, "//127.0.0.1");
  return [
    `cache-proxy ${version}`,
    `  listens on   ${url}`,
    `  forwards to  ${urlOf(options.upstream)}`,
    ...describe(answer).map((line, index) => `  ${index === 0 ? "upstream" : "        "}     ${line}`),
    `  live page    ${local}/cache-proxy/`,
    "  start Claude Code with",
    `  ANTHROPIC_BASE_URL=${local} ANTHROPIC_AUTH_TOKEN=local claude`,
  ].join("\n");
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

/** Who the server is and how much it holds, each in words. */
export function describeFacts({ model, build, slots, context }: ServerFacts): string[] {
  const who = [
    build === undefined ? "llama-server" : `llama-server ${foreign(build, 40)}`,
    model === undefined ? undefined : foreign(model),
  ];
  const size = [
    slots === undefined ? undefined : `${slots} ${slots === 1 ? "slot" : "slots"}`,
    context === undefined ? undefined : `${context} tokens of context`,
  ];
  return [who, size].map((parts) => parts.filter((part) => part !== undefined).join(", ")).filter(Boolean);
}

// --- internal ---

/** What answers, in one or two lines that usually fit into 80 columns. */
function describe(answer: Answer): string[] {
  if ("cause" in answer) return ["does not answer yet"];
  if ("status" in answer) return ["answers, but not like llama-server: no /props"];
  return describeFacts(answer.facts);
}
