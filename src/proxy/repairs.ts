import { readCaller } from "../request/caller.ts";
import { conversationOf } from "../request/conversation.ts";
import { prefixOf } from "../request/endpoints.ts";
import type { RequestHead } from "../request/request.ts";
import type { RewriteSettings } from "../rewrite/pass.ts";
import { readBody, rewrite, type ScannedBody } from "../rewrite/rewrite.ts";
import type { SessionMemory } from "../session/memory.ts";
import { namesIn, remember } from "../session/tool-order.ts";
import { type ServerFacts, UNKNOWN_SERVER } from "../upstream/props.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Repair } from "./forward.ts";

/** The repairs of one proxy, made from what the user chose, what is known of the server, and what is remembered of the session. */
export function createRepairs(settings: RewriteSettings, upstream: Upstream, memory: SessionMemory): Repair {
  return async function repairBody(body, head) {
    const scanned = readBody(body, head.endpoint?.shape, settings);
    const { strictAlternation, vision } = await serverFor(scanned, head, upstream);
    // No await from here on: of two concurrent requests of one session, the second must see the first one's order.
    const key = memoryKey(head);
    const known = (key !== undefined && memory.get(key).toolOrder) || [];
    const rewritten = rewrite(scanned, {
      strictAlternation,
      vision,
      isClaudeCode: isClaudeCode(head),
      toolOrder: namesIn(known),
    });
    if (key !== undefined && rewritten.toolOrder)
      memory.update(key, { toolOrder: remember(known, rewritten.toolOrder) });
    return rewritten;
  };
}

// --- internal ---

function isClaudeCode({ headers }: RequestHead): boolean {
  return headers.get("user-agent")?.startsWith("claude-cli/") === true;
}

/** A subagent has its session's id but tools and a history of its own. */
function memoryKey({ headers }: RequestHead): string | undefined {
  const { session, agent_id: agent } = readCaller(headers, undefined);
  return session !== undefined && agent !== undefined ? `${session}/${agent}` : session;
}

/** The server that the body's model is on; unknown if no pass needs to know. */
async function serverFor(
  { asksServer, facts }: ScannedBody,
  { path, endpoint, headers }: RequestHead,
  upstream: Upstream,
): Promise<ServerFacts> {
  if (!asksServer) return UNKNOWN_SERVER;
  const conversation = conversationOf(headers, readCaller(headers, facts.tools), facts.start);
  return await upstream.facts({
    model: facts.model,
    prefix: endpoint && prefixOf(path, endpoint),
    conversation,
  });
}
