import { isLoopback } from "../proxy/guard.ts";
import { urlOf } from "../upstream/address.ts";
import type { Answer } from "../upstream/upstream.ts";
import { type Options, version } from "./options.ts";

/** Where it listens, where it forwards and who answers there, and the line to start Claude Code with. */
export function banner(options: Options, url: string, answer: Answer): string {
  const local = url.replace(/\/\/(?:0\.0\.0\.0|\[::\])(?=:|$)/, "//127.0.0.1");
  return [
    `cache-proxy ${version}`,
    `  listens on   ${url}`,
    `  forwards to  ${urlOf(options.upstream)}`,
    ...describe(answer).map((line, index) => `  ${index === 0 ? "answers" : "       "}      ${line}`),
    `  live page    ${local}/cache-proxy/`,
    "  start Claude Code with",
    `  ANTHROPIC_BASE_URL=${local} ANTHROPIC_AUTH_TOKEN=local claude`,
  ].join("\n");
}

/** For an address that others can reach; `undefined` on loopback. */
export function exposureWarning({ host }: Options): string | undefined {
  if (isLoopback(host)) return undefined;
  return `--host ${host}: everyone who can reach this address can use llama-server; leave --host out to listen on 127.0.0.1 only`;
}

/** For an upstream that does not answer; requests get a 502 until it does. */
export function upstreamWarning({ upstream }: Options, answer: Answer): string | undefined {
  if (!("cause" in answer)) return undefined;
  return `cannot reach llama-server at ${urlOf(upstream)}: ${answer.cause}; start it or pass --upstream. Requests get a 502 until it answers`;
}

// --- internal ---

/** Who answers there, in one or two lines that mostly fit into 80 columns. */
function describe(answer: Answer): string[] {
  if ("cause" in answer) return ["not yet"];
  if ("status" in answer) return ["something without llama-server's /props"];
  const { model, build, slots, context } = answer.facts;
  const who = [build === undefined ? "llama-server" : `llama-server ${build}`, model];
  const size = [
    slots === undefined ? undefined : `${slots} ${slots === 1 ? "slot" : "slots"}`,
    context === undefined ? undefined : `${context} tokens of context`,
  ];
  return [who, size].map((parts) => parts.filter((part) => part !== undefined).join(", ")).filter(Boolean);
}
