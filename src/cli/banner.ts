import { isLoopback } from "../proxy/guard.ts";
import type { Answer } from "../upstream/props.ts";
import { type Options, version } from "./options.ts";

/** Where it listens, where it forwards and who answers there, and the line to start Claude Code with. */
export function banner(options: Options, url: string, answer: Answer): string {
  const { origin, basePath } = options.upstream;
  const local = url.replace(/\/\/(?:0\.0\.0\.0|\[::\])(?=:|$)/, "//127.0.0.1");
  return [
    `cache-proxy ${version}`,
    `  listens on   ${url}`,
    `  forwards to  ${origin}${basePath} (${describe(answer)})`,
    `  live page    ${local}/cache-proxy/`,
    `  start with   ANTHROPIC_BASE_URL=${local} ANTHROPIC_AUTH_TOKEN=local claude`,
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
  return `cannot reach llama-server at ${upstream.origin}${upstream.basePath}: ${answer.cause}; start it or pass --upstream. Requests get a 502 until it answers`;
}

// --- internal ---

function describe(answer: Answer): string {
  if ("cause" in answer) return "does not answer yet";
  if ("status" in answer) return "answers; no llama-server /props there";
  const { model, build, slots, context } = answer.facts;
  const parts = [
    build === undefined ? "llama-server" : `llama-server ${build}`,
    model,
    slots === undefined ? undefined : `${slots} ${slots === 1 ? "slot" : "slots"}`,
    context === undefined ? undefined : `${context} tokens of context`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}
