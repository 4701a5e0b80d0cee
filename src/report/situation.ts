import type { Agent } from "../request/caller.ts";
import type { Testimony } from "../upstream/witness.ts";
import type { Earlier, SharedTokens } from "./explain-shared.ts";

/** A request of another conversation that the server served since. */
export interface Between {
  readonly session?: string | undefined;
  readonly agent?: Agent | undefined;
  readonly model?: string | undefined;
  /** What the explained prompt shares with it. */
  readonly shared: SharedTokens;
}

/** Everything that is known of one finished request. */
export interface Situation {
  readonly prompt: number;
  readonly cached: number;
  readonly evaluated: number;
  /** Bytes of its outline. */
  readonly bytes: number;
  readonly agent?: Agent | undefined;
  readonly model?: string | undefined;
  /** The last finished request of the same conversation. */
  readonly previous?: Earlier | undefined;
  /** The finished request of another conversation that shares most. */
  readonly nearest?:
    | (Earlier & { readonly session?: string | undefined; readonly isSameSession: boolean })
    | undefined;
  /** The number of messages up to the user's words before the newest ones, where a tool loop followed them; see spoken.ts. */
  readonly loopStart?: number | undefined;
  readonly hasImages?: boolean | undefined;
  /** The model can have tools loaded that the client only names (Claude Code). */
  readonly hasToolSearch?: boolean | undefined;
  readonly server: Testimony;
  readonly between: readonly Between[];
  /** Evaluated tokens per second in this run. */
  readonly speed?: number | undefined;
}
