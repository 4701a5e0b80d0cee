import { readCaller } from "../request/caller.ts";
import { conversationOf } from "../request/conversation.ts";
import { prefixOf } from "../request/endpoints.ts";
import type { RequestHead } from "../request/request.ts";
import type { RewriteSettings } from "../rewrite/pass.ts";
import { readBody, rewrite, type ScannedBody } from "../rewrite/rewrite.ts";
import type { SessionMemory } from "../session/memory.ts";
import { type ServerFacts, UNKNOWN_SERVER } from "../upstream/props.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Repair } from "./forward.ts";

/** The repairs of one proxy, made from what the user chose, what is known of the server, and what is remembered of the session. */
export function createRepairs(settings: RewriteSettings, upstream: Upstream, memory: SessionMemory): Repair {
  return async function repairBody(body, head) {
    const scanned = readBody(body, head.endpoint?.shape, settings);
    const { strictAlternation, vision } = await serverFor(scanned, head, upstream);
    // No await from here on: of two concurrent requests of one session, the second must see the first one's order.
    const { session } = readCaller(head.headers, undefined);
    const toolOrder = session === undefined ? undefined : (memory.get(session).toolOrder ?? []);
    const rewritten = rewrite(scanned, { strictAlternation, vision, toolOrder });
    if (session !== undefined && rewritten.toolOrder)
      memory.update(session, { toolOrder: rewritten.toolOrder });
    return rewritten;
  };
}

// --- internal ---

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
