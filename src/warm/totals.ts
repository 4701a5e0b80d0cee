import type { WarmListener, WarmUp, WarmUpResult } from "./listener.ts";
import type { Reason } from "./plan.ts";

/** How often warm-ups for one reason ended in one way. */
export interface WarmCount {
  readonly reason: Reason;
  readonly outcome: WarmUpResult["outcome"];
  count: number;
}

/** The figures of all warm-ups of this run. They are no requests of the user and are in no other total. */
export class WarmTotals implements WarmListener {
  readonly counts: WarmCount[] = [];
  /** Of the warm-ups that reported them. */
  evaluated_tokens = 0;
  ms = 0;
  /** The one in progress. */
  current: WarmUp | undefined;

  started(warmUp: WarmUp): void {
    this.current = warmUp;
  }

  ended({ reason }: WarmUp, { outcome, evaluated_tokens = 0, ms }: WarmUpResult): void {
    this.current = undefined;
    this.evaluated_tokens += evaluated_tokens;
    this.ms += ms;
    const known = this.counts.find((one) => one.reason === reason && one.outcome === outcome);
    if (known) known.count += 1;
    else this.counts.push({ reason, outcome, count: 1 });
  }
}
