import { isMessagesPath, rewrite } from "../rewrite/rewrite.ts";
import { ToolOrders } from "../rewrite/tool-order.ts";
import type { KnownServer } from "../upstream/props.ts";
import type { Rewrite } from "./forward.ts";

export interface RepairSettings {
  readonly systemTurns: "fold" | "keep";
  readonly tools: "stable" | "keep";
}

/** Claude Code's own header; the same for a session's subagents. */
const SESSION_HEADER = "x-claude-code-session-id";

/** The rewriting of one proxy: what the user chose, what is known of the server, and the tool orders of the last sessions. */
export function createRepairs({ systemTurns, tools }: RepairSettings, server: KnownServer): Rewrite {
  const orders = new ToolOrders();
  return async function repairBody(body, { path, headers }) {
    const asksTemplate = systemTurns === "fold" && isMessagesPath(path);
    const strictAlternation = asksTemplate && (await server.facts()).strictAlternation;
    // From here on nothing waits: two requests of one session see each other's order.
    const session = tools === "stable" ? headers.get(SESSION_HEADER) : null;
    const toolOrder = session === null ? undefined : orders.get(session);
    const rewritten = rewrite(body, { path, systemTurns, strictAlternation, toolOrder });
    if (session !== null && rewritten.toolOrder) orders.set(session, rewritten.toolOrder);
    return rewritten;
  };
}
