import { type Comparison, isExtension } from "../prefix/compare.ts";
import type { Agent } from "../request/caller.ts";
import type { Testimony } from "../upstream/witness.ts";
import { anthropicType, type Cause, type CauseId, LEAST_WASTE } from "./cause.ts";
import { type Earlier, markAt, type SharedTokens, sharedTokens } from "./explain-shared.ts";
import { agentPhrase, changePhrase, REMEDIES, sessionName } from "./explain-words.ts";

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
  readonly server: Testimony;
  readonly between: readonly Between[];
  /** Evaluated tokens per second in this run. */
  readonly speed?: number | undefined;
}

/** The cause of a request's wasted tokens; `undefined` if at most 256 were wasted. */
export function causeOf(situation: Situation): Cause | undefined {
  const { evaluated, previous, nearest } = situation;
  if (evaluated <= LEAST_WASTE) return undefined;
  if (previous) return continued(situation, previous);
  if (nearest) return started(situation, nearest);
  return cause(
    situation,
    "first_request",
    true,
    cost(evaluated),
    agentPhrase(situation.agent, "first request"),
  );
}

/** Whether the server has fewer tokens in its cache than the requests explain: then it is worth asking the server. */
export function isLost(situation: Pick<Situation, "cached" | "evaluated" | "previous" | "nearest">): boolean {
  const earlier = situation.previous ?? situation.nearest;
  return (
    earlier !== undefined &&
    situation.evaluated > LEAST_WASTE &&
    isBelow(situation.cached, sharedTokens(earlier))
  );
}

// --- internal ---

interface Cost {
  readonly tokens: number;
  readonly isEstimate: boolean;
}

interface Verdict {
  readonly id: CauseId;
  readonly certain: boolean;
  readonly phrase: string;
}

/** A request of a conversation that is known. */
function continued(situation: Situation, previous: Earlier): Cause | undefined {
  const wasted = wasteOf(situation, previous);
  if (wasted.tokens <= LEAST_WASTE) return undefined;
  const shared = sharedTokens(previous);
  const verdict = isBelow(situation.cached, shared)
    ? lost(situation, previous, shared)
    : changed(situation, previous, shared);
  return cause(situation, verdict.id, verdict.certain, wasted, verdict.phrase);
}

/** The first request of a conversation. */
function started(situation: Situation, nearest: NonNullable<Situation["nearest"]>): Cause {
  const { cached, evaluated } = situation;
  const shared = sharedTokens(nearest);
  if (shared.high <= LEAST_WASTE && situation.agent !== "subagent")
    return cause(
      situation,
      "first_request",
      true,
      cost(evaluated),
      agentPhrase(situation.agent, "first request"),
    );
  if (isBelow(cached, shared)) {
    const verdict = isHeadChanged(nearest) ? proven(situation, shared) : serverVerdict(situation, shared);
    if (verdict)
      return cause(situation, verdict.id, verdict.certain, cost(shared.low - cached, true), verdict.phrase);
  }
  const isProject =
    situation.agent !== "subagent" &&
    situation.agent !== "side" &&
    !nearest.isSameSession &&
    nearest.comparison.system !== undefined;
  const id = isProject ? "new_project" : "new_session";
  const what = isProject ? "first request of another project" : agentPhrase(situation.agent, "new session");
  const share = `${what}, shares about ${Math.round((shared.low + shared.high) / 2)} tokens with ${sessionName(nearest.session)}`;
  return cause(situation, id, cached <= shared.high + LEAST_WASTE, cost(evaluated), share);
}

function isCompacted({ messages, tools, system }: Comparison): boolean {
  return !tools && !system && (messages.kind === "compacted" || messages.kind === "replaced");
}

/** What was evaluated although it was known. */
function wasteOf(
  { prompt, cached, evaluated, bytes }: Situation,
  { comparison, tokens, isCounted }: Earlier,
): Cost {
  // A summary is new, and so is all of the conversation that it begins.
  if (isCompacted(comparison)) return cost(evaluated);
  if (isExtension(comparison)) return cost(Math.min(evaluated, tokens - cached), !isCounted);
  const fresh = (comparison.newBytes * prompt) / Math.max(1, bytes);
  return cost(Math.max(0, evaluated - fresh), true);
}

/** The request explains what the server evaluated. */
function changed(situation: Situation, previous: Earlier, shared: SharedTokens): Verdict {
  const { comparison } = previous;
  const fits = situation.cached <= shared.high + LEAST_WASTE;
  const found = changePhrase(comparison, situation.cached, previous);
  return found
    ? { ...found, certain: fits && found.isClear }
    : { id: "unknown", certain: false, phrase: "unknown cause" };
}

/** The server has less than the requests share. */
function lost(situation: Situation, previous: Earlier, shared: SharedTokens): Verdict {
  const { comparison } = previous;
  return (
    proven(situation, shared) ??
    (isHeadChanged(previous) ? { ...changed(situation, previous, shared), certain: false } : undefined) ??
    renamed(situation, previous) ??
    droppedThinking(situation, previous) ??
    taken(situation, shared) ??
    (comparison.parameters.length > 0
      ? { id: "parameters_changed", certain: false, phrase: `${comparison.parameters.join(", ")} changed` }
      : undefined) ??
    wentBack(situation, previous, shared) ??
    (situation.hasImages ? { id: "images", certain: false, phrase: "images in the prompt" } : undefined) ?? {
      id: "unknown",
      certain: false,
      phrase: "llama-server lost it, nobody knows why",
    }
  );
}

/** The causes that do not need an earlier request of the same conversation. */
function serverVerdict(situation: Situation, shared: SharedTokens): Verdict | undefined {
  return proven(situation, shared) ?? taken(situation, shared) ?? backToCheckpoint(situation, shared);
}

function proven({ server, cached }: Situation, shared: SharedTokens): Verdict | undefined {
  const certain = cached < shared.low / 2;
  if (server.replica) return { id: "another_replica", certain, phrase: "another server answered" };
  if (server.modelLoaded) return { id: "model_loaded", certain, phrase: "llama-server loaded another model" };
  if (server.restarted) return { id: "server_restarted", certain, phrase: "llama-server restarted" };
  if (server.slept) return { id: "server_slept", certain, phrase: "llama-server slept" };
  return undefined;
}

function isHeadChanged({ comparison }: Earlier): boolean {
  return comparison.tools !== undefined || comparison.system !== undefined;
}

/** Templates that render thinking only after the user's last words drop that of the tool loop before as soon as the user speaks again. */
function droppedThinking(
  { cached, loopStart, between, server }: Situation,
  previous: Earlier,
): Verdict | undefined {
  if (loopStart === undefined || !isExtension(previous.comparison)) return undefined;
  const start = markAt(previous.marks, loopStart);
  const isAtStart = start !== undefined && Math.abs(cached - start.tokens) <= NEAR;
  if (!isAtStart && (between.length > 0 || (server.foreignTokens ?? 0) > LEAST_WASTE)) return undefined;
  if (!isAtStart && start !== undefined && cached > start.tokens) return undefined;
  return {
    id: "thinking_dropped",
    certain: isAtStart && between.length === 0,
    phrase: "earlier thinking dropped by the template",
  };
}

/** Another request took the slot, and the RAM cache did not bring this prompt back. */
function taken({ cached, between, server, model }: Situation, shared: SharedTokens): Verdict | undefined {
  const others = between.filter((one) => one.shared.low < shared.high);
  const other = others.at(-1);
  if (!other) {
    const foreign = (server.foreignTokens ?? 0) > LEAST_WASTE;
    return foreign
      ? { id: "slot_taken", certain: false, phrase: "slot taken by a client that does not use this proxy" }
      : undefined;
  }
  if (server.hasOneModel !== true && other.model !== model)
    return { id: "model_loaded", certain: false, phrase: "another model was served in between" };
  const fits = others.some(
    (one) =>
      Math.abs(cached - one.shared.high) <= NEAR ||
      (cached >= one.shared.low - NEAR && cached <= one.shared.high + NEAR),
  );
  const who = agentPhrase(other.agent === "main" ? undefined : other.agent, sessionName(other.session));
  return { id: "slot_taken", certain: fits && server.isSame === true, phrase: `slot taken by ${who}` };
}

function renamed({ server }: Situation, { comparison }: Earlier): Verdict | undefined {
  if (!comparison.modelChanged || server.hasOneModel === true) return undefined;
  return { id: "model_changed", certain: false, phrase: "the client asked for another model" };
}

/** The larger part of the cost names the cause: what follows the change, or the way back to a checkpoint before it. */
function wentBack(situation: Situation, previous: Earlier, shared: SharedTokens): Verdict | undefined {
  if (!isExtension(previous.comparison)) {
    const after = previous.tokens - shared.high;
    if (after > shared.low - situation.cached)
      return { ...changed(situation, previous, shared), certain: false };
    return backToCheckpoint(situation, shared);
  }
  const isAtMark = previous.marks.some(({ tokens }) => Math.abs(tokens - situation.cached) <= NEAR);
  return isAtMark ? backToCheckpoint(situation, shared) : undefined;
}

function backToCheckpoint({ cached, server }: Situation, { low }: SharedTokens): Verdict | undefined {
  if (server.isSame === false) return undefined;
  const back = Math.round(low - cached);
  return {
    id: "checkpoint",
    certain: false,
    phrase: `the model went back to a checkpoint, about ${back} tokens`,
  };
}

/** Templates add some tokens at the end of a prompt that the next one does not have. */
const NEAR = 64;

function isBelow(cached: number, { low }: SharedTokens): boolean {
  return cached < low - LEAST_WASTE;
}

function cost(tokens: number, isEstimate = false): Cost {
  return { tokens: Math.max(0, Math.round(tokens)), isEstimate };
}

function cause(
  { speed, evaluated }: Situation,
  id: CauseId,
  certain: boolean,
  price: Cost,
  phrase: string,
): Cause {
  const tokens = Math.min(evaluated, price.tokens);
  const remedy = REMEDIES[id];
  const anthropic = anthropicType(id);
  return {
    id,
    certain,
    tokens,
    ...(price.isEstimate && { estimate: true as const }),
    ...(speed !== undefined && speed > 0 && { seconds: Math.round((tokens / speed) * 10) / 10 }),
    text: remedy ? `${phrase}; ${remedy}` : phrase,
    ...(anthropic && { anthropic }),
  };
}
