import type { ServerView } from "../upstream/watch.ts";
import type { RequestRecord } from "./record.ts";
import type { Running } from "./running.ts";
import type { Stats, TotalsView } from "./stats.ts";

/** What an open page receives from `/cache-proxy/events`, by the name of the event. */
export interface LiveEvents {
  /** Once, on connecting: everything. */
  snapshot: Stats;
  /** A request has ended. */
  request: { readonly record: RequestRecord; readonly totals: TotalsView };
  /** The running requests, after every change to one of them. */
  running: readonly Running[];
  /** The state of the server, after every change of it. */
  server: ServerView;
}
