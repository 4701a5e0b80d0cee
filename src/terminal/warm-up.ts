import { foreign } from "../format/foreign.ts";
import { duration, grouped } from "../format/numbers.ts";
import type { WarmUp, WarmUpResult } from "../warm/listener.ts";

/** `after a turn of session 01234567: 2 973 tokens evaluated in 4 pieces, 9.8 s`. */
export function formatWarmUp({ reason, session }: WarmUp, result: WarmUpResult): string {
  const whose = session === undefined ? "" : ` of session ${foreign(session.slice(0, 8))}`;
  return `${OCCASIONS[reason]}${whose}: ${resultOf(result)}`;
}

// --- internal ---

const OCCASIONS: Readonly<Record<WarmUp["reason"], string>> = {
  turn: "after a turn",
  restart: "after a restart of the server",
  start: "start of a new session",
};

function resultOf({ outcome, pieces, evaluated_tokens, ms }: WarmUpResult): string {
  const tokens = evaluated_tokens === undefined ? [] : [`${grouped(evaluated_tokens)} tokens evaluated`];
  const parts = pieces > 1 ? [`${pieces} pieces`] : [];
  const figures = [[...tokens, ...parts].join(" in "), duration(ms / 1000)].filter(Boolean).join(", ");
  if (outcome === "aborted") return `aborted for a request; ${figures}`;
  if (outcome === "failed") return `failed; none follows before a request succeeds; ${figures}`;
  return figures;
}
