import type { Caller } from "./caller.ts";

/** Names the conversation of a forwarded request, so that a load balancer can keep its turns on one server. */
export const CONVERSATION_HEADER = "x-cache-proxy-conversation";

/**
 * The key of a request's conversation: the same for all of its turns, and opaque. It is, in this order:
 *
 * - the value of `x-cache-proxy-conversation`, if the client, or a balancer before this proxy, has set one;
 * - a hash of Claude Code's session and agent, so that a subagent is a conversation of its own;
 * - `start`, the hash of the texts that the conversation starts with.
 *
 * `undefined` if the request has none of them.
 */
export function conversationOf(
  headers: Headers,
  { session, agent_id }: Caller,
  start: string | undefined,
): string | undefined {
  const given = headers.get(CONVERSATION_HEADER);
  if (given !== null && KEY.test(given)) return given;
  if (session === undefined) return start;
  return hashOf([Buffer.from(session), Buffer.from(agent_id ?? "")]);
}

/**
 * 16 hex digits that depend on every byte and on where each part ends. XXH64 is a published algorithm, so all versions of this proxy agree
 * on it. It takes 10 µs for 100 KB, a tenth of what SHA-256 takes.
 */
export function hashOf(parts: readonly Uint8Array[]): string {
  let hash = BigInt(parts.length);
  for (const part of parts) hash = Bun.hash.xxHash64(part, hash);
  return hash.toString(16).padStart(16, "0");
}

// --- internal ---

/** Long enough for two UUIDs, which is what a balancer makes of Claude Code's headers (deploy/haproxy.cfg). */
const KEY = /^[\w.@-]{1,128}$/;
