import { isMessagesPath, rewrite } from "../rewrite/rewrite.ts";
import type { SessionMemory } from "../session/memory.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Repair } from "./forward.ts";

export interface RepairSettings {
  readonly systemTurns: "fold" | "keep";
  readonly tools: "stable" | "keep";
}

/** Claude Code's own header; the same for a session's subagents. */
const SESSION_HEADER = "x-claude-code-session-id";

/** The repairs of one proxy: what the user chose, what is known of the server, and what is remembered of the conversation. */
export function createRepairs(
  { systemTurns, tools }: RepairSettings,
  upstream: Upstream,
  memory: SessionMemory,
): Repair {
  return async function repairBody(body, { path, headers }) {
    const asksTemplate = systemTurns === "fold" && isMessagesPath(path);
    const strictAlternation = asksTemplate && (await upstream.facts()).strictAlternation;
    // From here on nothing waits: two requests of one session see each other's order.
    const session = tools === "stable" ? headers.get(SESSION_HEADER) : null;
    const toolOrder = session === null ? undefined : (memory.get(session).toolOrder ?? []);
    const rewritten = rewrite(body, { path, systemTurns, strictAlternation, toolOrder });
    if (session !== null && rewritten.toolOrder) memory.update(session, { toolOrder: rewritten.toolOrder });
    return rewritten;
  };
}
