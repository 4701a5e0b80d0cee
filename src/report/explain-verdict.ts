import { isExtension } from "../prefix/compare.ts";
import { rendersParameter } from "../upstream/template.ts";
import { type CauseId, LEAST_WASTE } from "./cause.ts";
import { type Earlier, markAt, type SharedTokens } from "./explain-shared.ts";
import { agentPhrase, changePhrase, parametersPhrase, sessionName } from "./explain-words.ts";
import type { Situation } from "./situation.ts";

export interface Verdict {
  readonly id: CauseId;
  readonly certain: boolean;
  readonly phrase: string;
}

/** Whether the server had clearly less in its cache than two prompts share. */
export function isBelow(cached: number, { low }: SharedTokens): boolean {
  return cached < low - LEAST_WASTE;
}

/** Whether the earlier request was for another model, which has a cache of its own. */
export function isRenamed({ server }: Situation, { comparison }: Earlier): boolean {
  return comparison.modelChanged && server.hasOneModel !== true;
}

/** The request explains what the server evaluated. */
export function changed(situation: Situation, previous: Earlier, shared: SharedTokens): Verdict {
  const { comparison } = previous;
  const fits = situation.cached <= shared.high + LEAST_WASTE;
  const found = changePhrase(comparison, situation.cached, previous);
  return found
    ? { ...found, certain: fits && found.isClear }
    : { id: "unknown", certain: false, phrase: "unknown cause" };
}

/** The server has less than the requests share. */
export function lost(situation: Situation, previous: Earlier, shared: SharedTokens): Verdict {
  return (
    // Each model's server has a cache of its own: what happened to the new one's explains nothing.
    (situation.server.hasOneModel === false ? renamed(situation, previous) : undefined) ??
    proven(situation, shared) ??
    (isHeadChanged(previous) ? { ...changed(situation, previous, shared), certain: false } : undefined) ??
    renamed(situation, previous) ??
    droppedThinking(situation, previous) ??
    otherParameters(situation, previous) ??
    taken(situation, shared) ??
    wentBack(situation, previous, shared) ??
    (situation.hasImages ? { id: "images", certain: false, phrase: "images in the prompt" } : undefined) ?? {
      id: "unknown",
      certain: false,
      phrase: "llama-server lost it, nobody knows why",
    }
  );
}

/** What the server did to what the first request of a conversation shares with another one; `undefined` if nothing shows it did anything. */
export function lostAtStart(
  situation: Situation,
  nearest: Earlier,
  shared: SharedTokens,
): Verdict | undefined {
  if (isRenamed(situation, nearest) && situation.server.hasOneModel === false) return undefined;
  const isOther = isHeadChanged(nearest) || renderedParameters(situation, nearest).length > 0;
  if (isOther || isRenamed(situation, nearest)) return proven(situation, shared);
  return proven(situation, shared) ?? taken(situation, shared) ?? backToCheckpoint(situation, shared);
}

// --- internal ---

function proven({ server, cached, between, model }: Situation, shared: SharedTokens): Verdict | undefined {
  const certain = cached < shared.low / 2;
  if (server.replica) return { id: "another_replica", certain, phrase: "another server answered" };
  if (server.modelLoaded) return { id: "model_loaded", certain, phrase: "llama-server loaded another model" };
  // A router ends one model's server to start another's.
  const isSwapped = server.hasOneModel === false && between.some((one) => one.model !== model);
  if (server.restarted && isSwapped)
    return { id: "model_loaded", certain, phrase: "another model was served in between" };
  if (server.restarted) return { id: "server_restarted", certain, phrase: "llama-server restarted" };
  if (server.slept) return { id: "server_slept", certain, phrase: "llama-server slept" };
  return undefined;
}

function isHeadChanged({ comparison }: Earlier): boolean {
  return comparison.tools !== undefined || comparison.system !== undefined;
}

/** Templates that render thinking only after the user's last words drop that of the tool loop before as soon as the user speaks again. */
function droppedThinking(situation: Situation, previous: Earlier): Verdict | undefined {
  const { cached, loopStart, between, server } = situation;
  if (loopStart === undefined || !isExtension(previous.comparison)) return undefined;
  const start = markAt(previous.marks, loopStart);
  const isAtStart = start !== undefined && Math.abs(cached - start.tokens) <= NEAR;
  if (!isAtStart && (between.length > 0 || (server.foreignTokens ?? 0) > LEAST_WASTE)) return undefined;
  if (!isAtStart && renderedParameters(situation, previous).length > 0) return undefined;
  if (!isAtStart && start !== undefined && cached > start.tokens) return undefined;
  return {
    id: "thinking_dropped",
    certain: isAtStart && between.length === 0,
    phrase: "earlier thinking dropped by the template",
  };
}

/** Parameters with other values that the template can render, wherever in the prompt. */
function renderedParameters({ server }: Situation, { comparison }: Earlier): readonly string[] {
  const { template } = server;
  return comparison.parameters.filter((name) => template === undefined || rendersParameter(template, name));
}

function otherParameters(situation: Situation, previous: Earlier): Verdict | undefined {
  const names = renderedParameters(situation, previous);
  if (names.length === 0) return undefined;
  return { id: "parameters_changed", certain: false, phrase: parametersPhrase(names) };
}

/** Another request took the slot, and the RAM cache did not bring this prompt back. */
function taken({ cached, between, server, model }: Situation, shared: SharedTokens): Verdict | undefined {
  const rivals = between.filter((one) => one.shared.low < shared.high);
  // A model's own server is still there: what the others evaluated took nothing from it.
  const isApart = server.hasOneModel === false && server.isSame === true;
  const others = isApart ? rivals.filter((one) => one.model === model) : rivals;
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

function renamed(situation: Situation, previous: Earlier): Verdict | undefined {
  if (!isRenamed(situation, previous)) return undefined;
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
