import { type Comparison, isExtension } from "../prefix/compare.ts";
import { anthropicType, type Cause, type CauseId, LEAST_WASTE } from "./cause.ts";
import { type Earlier, sharedTokens } from "./explain-shared.ts";
import { changed, isBelow, isRenamed, lost, lostAtStart } from "./explain-verdict.ts";
import { agentPhrase, remedyOf, sessionName } from "./explain-words.ts";
import type { Situation } from "./situation.ts";

/** The cause of a request's wasted tokens; `undefined` if at most 256 were wasted. */
export function causeOf(situation: Situation): Cause | undefined {
  const { evaluated, previous, nearest } = situation;
  if (evaluated <= LEAST_WASTE) return undefined;
  if (previous) return continued(situation, previous);
  if (nearest) return started(situation, nearest);
  return first(situation);
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

/** Nothing that was sent before shares its prompt. */
function first(situation: Situation): Cause {
  const phrase = agentPhrase(situation.agent, "first request");
  return cause(situation, "first_request", true, cost(situation.evaluated), phrase);
}

/** The first request of a conversation. */
function started(situation: Situation, nearest: NonNullable<Situation["nearest"]>): Cause {
  const { cached, evaluated } = situation;
  const shared = sharedTokens(nearest);
  if (shared.high <= LEAST_WASTE && situation.agent !== "subagent") return first(situation);
  if (isBelow(cached, shared)) {
    const verdict = lostAtStart(situation, nearest, shared);
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
  const share = Math.round((shared.low + shared.high) / 2);
  const phrase = isRenamed(situation, nearest)
    ? `${what}, on another model`
    : `${what}, shares about ${share} tokens with ${sessionName(nearest.session)}`;
  return cause(situation, id, cached <= shared.high + LEAST_WASTE, cost(evaluated), phrase);
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

function cost(tokens: number, isEstimate = false): Cost {
  return { tokens: Math.max(0, Math.round(tokens)), isEstimate };
}

function cause(situation: Situation, id: CauseId, certain: boolean, price: Cost, phrase: string): Cause {
  const { speed, evaluated } = situation;
  const tokens = Math.min(evaluated, price.tokens);
  const remedy = remedyOf(id, situation);
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
