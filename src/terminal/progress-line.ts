import { duration, grouped, roughly } from "../format/numbers.ts";
import type { Progress } from "../report/running.ts";

/** `prefill 12 300 / about 18 000 tokens, 290 tokens/s, about 20 s left, 1 more`, narrower than `columns`; `undefined` without a prefill. */
export function formatProgress(prefills: readonly Progress[], columns: number): string | undefined {
  const [first] = prefills;
  if (!first) return undefined;
  const {
    total_tokens_estimate: total,
    evaluated_tokens_per_second: speed,
    seconds_left_estimate: left,
  } = first;
  const parts = [
    `prefill ${grouped(first.done_tokens)}${total === undefined ? "" : ` / about ${grouped(roughly(total))}`} tokens`,
    speed === undefined ? undefined : `${grouped(speed)} tokens/s`,
    left === undefined ? undefined : `about ${duration(left)} left`,
    prefills.length > 1 ? `${prefills.length - 1} more` : undefined,
  ];
  // A line that reaches the edge wraps, and then it cannot be redrawn in place.
  return parts
    .filter((part) => part !== undefined)
    .join(", ")
    .slice(0, columns - 1);
}
