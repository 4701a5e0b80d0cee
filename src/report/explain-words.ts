import type { Comparison } from "../prefix/compare.ts";
import type { ToolsChange } from "../prefix/compare-tools.ts";
import type { Agent } from "../request/caller.ts";
import type { CauseId } from "./cause.ts";
import type { Earlier } from "./explain-shared.ts";
import type { Situation } from "./situation.ts";

/** What a user can do about the cause of a request. */
export function remedyOf(id: CauseId, { hasToolSearch, previous }: Situation): string | undefined {
  if (id !== "tools_added") return REMEDIES[id];
  if (hasToolSearch) return "ENABLE_TOOL_SEARCH=false sends all tools up front";
  const added = previous?.comparison.tools?.added ?? [];
  return added.every((name) => name.startsWith("mcp__"))
    ? "tool search only names what comes late"
    : undefined;
}

export interface Change {
  readonly id: CauseId;
  readonly phrase: string;
  /** Nothing else changed that could be it. */
  readonly isClear: boolean;
}

/** The first difference between two requests in the order in which the template seems to render them; `undefined` if there is none. */
export function changePhrase(comparison: Comparison, cached: number, earlier: Earlier): Change | undefined {
  const change = firstChange(comparison, cached, earlier);
  // Claude Code names the model in its system prompt and in a tool.
  const isModels =
    comparison.modelChanged && (comparison.system !== undefined || comparison.tools !== undefined);
  return change && isModels
    ? { ...change, id: "model_changed", phrase: `model changed, and with it ${change.phrase}` }
    : change;
}

/** `session 3f2a`, as the rows of the terminal name it. */
export function sessionName(session: string | undefined): string {
  return session ? `session ${session.slice(0, 4)}` : "another conversation";
}

/** Names as a template has them. */
export function parametersPhrase(names: readonly string[]): string {
  return `${list(names.map((name) => name.replace(/^chat_template_kwargs\./, "")))} changed`;
}

/** The phrase for the main conversation, and for those beside it. */
export function agentPhrase(agent: Agent | undefined, phrase: string): string {
  if (agent === "subagent") return `${phrase} (subagent)`;
  return agent === "side" ? `${phrase} (side request)` : phrase;
}

// --- internal ---

/** What a user can do about a cause; none where there is nothing to do. */
const REMEDIES: Partial<Record<CauseId, string>> = {
  tools_reordered: "--tools stable keeps their order",
  thinking_dropped: "a template with preserve_thinking keeps it",
  server_slept: "a longer --sleep-idle-seconds keeps the model loaded",
  slot_taken: "--cache-ram or more slots (--parallel) bring it back",
  checkpoint: "hybrid and sliding-window models can only go back to a checkpoint",
  another_replica: "send a session to one server only",
  model_loaded: "one model per server keeps its cache",
  new_project: "CLAUDE_CODE_DISABLE_AUTO_MEMORY=1 makes the prompts of projects alike",
};

function firstChange(comparison: Comparison, cached: number, earlier: Earlier): Change | undefined {
  const { tools, system, messages, parameters } = comparison;
  const isClear = !(tools && system);
  if (tools && (!system || rendersToolsFirst(comparison, cached, earlier)))
    return { ...toolsPhrase(tools), isClear };
  if (system)
    return {
      id: "system_changed",
      isClear,
      phrase: `system block ${system.block + 1} changed at about byte ${system.byte}`,
    };
  const at = `message ${messages.equal + 1}`;
  switch (messages.kind) {
    case "edited":
      return { id: "message_edited", phrase: `${at} edited`, isClear: true };
    case "dropped":
      return { id: "messages_dropped", phrase: `${messages.gone} messages dropped at ${at}`, isClear: true };
    case "compacted":
    case "replaced":
      return { id: "compacted", phrase: "conversation compacted", isClear: true };
    case "rewound":
      return { id: "rewound", phrase: `history rewound to ${at}`, isClear: true };
    default:
      if (parameters.length === 0) return undefined;
      return { id: "parameters_changed", phrase: parametersPhrase(parameters), isClear: false };
  }
}

const SHOWN = 4;

function toolsPhrase({ added, removed, changed, reordered }: ToolsChange): Pick<Change, "id" | "phrase"> {
  if (added.length > 0 && added.length >= removed.length)
    return { id: "tools_added", phrase: `tools +${added.length}: ${list(added)}` };
  if (removed.length > 0)
    return { id: "tools_removed", phrase: `tools -${removed.length}: ${list(removed)}` };
  if (changed.length > 0) return { id: "tools_changed", phrase: `tools changed: ${list(changed)}` };
  return { id: "tools_reordered", phrase: reordered ? "tools reordered" : "tools changed" };
}

/** Names are the client's: cut, and without control characters. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).map((name) => name.replace(/[^\x21-\x7e]/g, "?").slice(0, 40));
  return names.length > SHOWN ? `${shown.join(", ")}, …` : shown.join(", ");
}

/** Where both changed, what was cached shows which one comes first. */
function rendersToolsFirst({ shared }: Comparison, cached: number, { tokens, bytes }: Earlier): boolean {
  const perByte = tokens / Math.max(1, bytes);
  return Math.abs(shared.toolsFirst * perByte - cached) <= Math.abs(shared.systemFirst * perByte - cached);
}
