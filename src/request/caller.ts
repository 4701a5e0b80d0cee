/** Who sent a request, as far as its headers say. */
export interface Caller {
  /** Claude Code's session; its subagents share it. */
  readonly session?: string;
  readonly agent?: Agent;
  /** Which subagent. */
  readonly agent_id?: string;
}

/** `side`: a request without tools beside the conversation, such as the one for a session's title. */
export type Agent = "main" | "subagent" | "side";

/** Claude Code 2.1.177 and later name their subagents in a header; in 2.1.119 they look the same as the main conversation. */
const NAMES_SUBAGENTS = [2, 1, 177];

/** `tools` is how many the request offers; other clients than Claude Code are not told apart. */
export function readCaller(headers: Headers, tools: number | undefined): Caller {
  const session = readId(headers.get("x-claude-code-session-id"));
  const agentId = readId(headers.get("x-claude-code-agent-id"));
  const agent =
    CLASSES.get(headers.get("x-claude-code-request-class") ?? "") ?? guessAgent(headers, agentId, tools);
  return { ...(session && { session }), ...(agent && { agent }), ...(agentId && { agent_id: agentId }) };
}

/** A model's name fit to be shown: no folders (some clients name a file) and no control characters. */
export function readModel(model: string | undefined): string | undefined {
  const isFile = /^[/~.\\]|^[A-Za-z]:[/\\]|\.gguf$/.test(model ?? "");
  const name = isFile ? model?.split(/[/\\]/).at(-1) : model;
  return name?.replace(/[^\x20-\x7e]/g, "?").slice(0, 64) || undefined;
}

// --- internal ---

/** A header is anybody's text; what is not an id is as good as none. */
function readId(value: string | null): string | undefined {
  return value && /^[\w.@-]{1,64}$/.test(value) ? value : undefined;
}

/** Claude Code 2.1.330 and later send the class where `CLAUDE_CODE_GATEWAY_HINT_HEADERS` is set. */
const CLASSES: ReadonlyMap<string, Agent> = new Map([
  ["main", "main"],
  ["subagent", "subagent"],
  ["auxiliary", "side"],
]);

function guessAgent(headers: Headers, agentId: string | undefined, tools = 0): Agent | undefined {
  return agentId ? "subagent" : readAgent(headers.get("user-agent") ?? "", tools);
}

function readAgent(userAgent: string, tools: number): Agent | undefined {
  const version = /^claude-cli\/(\d+)\.(\d+)\.(\d+)/.exec(userAgent)?.slice(1).map(Number);
  if (!version) return undefined;
  if (tools === 0) return "side";
  return isAtLeast(version, NAMES_SUBAGENTS) ? "main" : undefined;
}

function isAtLeast(version: readonly number[], least: readonly number[]): boolean {
  const at = version.findIndex((part, index) => part !== least[index]);
  return at === -1 || version[at]! > least[at]!;
}
