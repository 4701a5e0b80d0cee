import type { OwnRequest, Upstream } from "../upstream/upstream.ts";
import { UsageReader } from "../usage/usage.ts";
import type { WarmableBody } from "./body.ts";
import type { WarmUpResult } from "./listener.ts";
import { type Cutting, cutsOf, pieceOf, wholeOf } from "./pieces.ts";

export interface Work {
  /** Path and query. */
  readonly target: string;
  readonly conversation?: string | undefined;
  readonly body: WarmableBody;
  readonly cutting: Cutting;
  /** Pieces that need not be sent again. */
  readonly from: number;
}

/** Sends the pieces of a warm-up, one after the other, until the last one is answered, one fails, or the signal is aborted. Never rejects. */
export async function sendPieces(upstream: Upstream, work: Work, signal: AbortSignal): Promise<WarmUpResult> {
  const startedAt = performance.now();
  const cuts = cutsOf(work.body, work.cutting);
  let pieces = 0;
  let evaluated: number | undefined = 0;
  let outcome: WarmUpResult["outcome"] = "complete";
  for (let index = Math.min(work.from, cuts.length); index <= cuts.length; index++) {
    const cut = cuts[index];
    const body = cut === undefined ? wholeOf(work.body, work.cutting) : pieceOf(work.body, cut, work.cutting);
    const { target, conversation } = work;
    const answer = await evaluate(upstream, { target, conversation, body }, signal);
    if (answer === "aborted" || answer === "failed") {
      outcome = answer;
      break;
    }
    pieces += 1;
    evaluated = add(evaluated, answer.evaluated);
  }
  return { outcome, pieces, evaluated_tokens: evaluated, ms: performance.now() - startedAt };
}

// --- internal ---

async function evaluate(
  upstream: Upstream,
  request: OwnRequest,
  signal: AbortSignal,
): Promise<{ evaluated: number | undefined } | "aborted" | "failed"> {
  try {
    const answer = await upstream.send(request, signal);
    upstream.noteStatus(answer.status);
    const usage = new UsageReader(answer.headers.get("content-type") ?? "");
    for await (const chunk of answer.body ?? []) usage.push(chunk);
    const { error_type, evaluated_tokens } = usage.usage;
    return answer.ok && !error_type ? { evaluated: evaluated_tokens } : "failed";
  } catch {
    if (signal.aborted) return "aborted";
    upstream.noteLost();
    return "failed";
  }
}

function add(sum: number | undefined, tokens: number | undefined): number | undefined {
  return sum === undefined || tokens === undefined ? undefined : sum + tokens;
}
