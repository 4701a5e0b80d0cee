/** Why prompt tokens that were known were evaluated again. Ids are stable. */
export type CauseId =
  | "first_request"
  | "new_session"
  | "new_project"
  | "model_changed"
  | "tools_added"
  | "tools_removed"
  | "tools_changed"
  | "tools_reordered"
  | "system_changed"
  | "message_edited"
  | "messages_dropped"
  | "compacted"
  | "rewound"
  | "thinking_dropped"
  | "parameters_changed"
  | "images"
  | "server_restarted"
  | "server_slept"
  | "model_loaded"
  | "slot_taken"
  | "checkpoint"
  | "another_replica"
  | "unknown";

export interface Cause {
  readonly id: CauseId;
  /** Proven by the request and by the server's figures; `false` is the likely cause. */
  readonly certain: boolean;
  /** Tokens that were evaluated because of it. */
  readonly tokens: number;
  /** `tokens` is an estimate: the server does not count them apart. Left out where it is exact. */
  readonly estimate?: true;
  /** How long these tokens took, at the measured speed of this run; left out before the first measured prefill. */
  readonly seconds?: number;
  /** A short phrase; the remedy, if there is one, follows after "; ". Holds names of tools, but no text of the prompt. */
  readonly text: string;
  /** The type of Anthropic's `cache_miss_reason` where it has one. */
  readonly anthropic?: "model_changed" | "system_changed" | "tools_changed" | "messages_changed";
}

/** Fewer evaluated tokens than this need no explanation: every turn has some. */
export const LEAST_WASTE = 256;

/** Causes of a prompt that is evaluated for the first time: a cost, but no waste. */
const COLD: ReadonlySet<CauseId> = new Set(["first_request", "new_session", "new_project", "compacted"]);

export function isColdStart({ id }: Pick<Cause, "id">): boolean {
  return COLD.has(id);
}

/** The phrase without the remedy. */
export function phraseOf({ text }: Pick<Cause, "text">): string {
  return text.split("; ")[0]!;
}

export function anthropicType(id: CauseId): Cause["anthropic"] {
  return ANTHROPIC[id];
}

// --- internal ---

/** https://docs.claude.com/en/docs/build-with-claude/prompt-caching */
const ANTHROPIC: Partial<Record<CauseId, Cause["anthropic"]>> = {
  model_changed: "model_changed",
  system_changed: "system_changed",
  tools_added: "tools_changed",
  tools_removed: "tools_changed",
  tools_changed: "tools_changed",
  tools_reordered: "tools_changed",
  message_edited: "messages_changed",
  messages_dropped: "messages_changed",
  compacted: "messages_changed",
  rewound: "messages_changed",
};
