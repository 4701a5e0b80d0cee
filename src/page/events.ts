import type { LiveEvents } from "../report/live-events.ts";
import type { Stats } from "../report/stats.ts";
import type { WarmUpsView } from "../warm/totals.ts";

/** The answer of `/cache-proxy/stats.json`, and the first event of the page. */
export interface Snapshot extends Stats {
  readonly warm_ups: WarmUpsView;
}

/** What an open page receives from `/cache-proxy/events`, by the name of the event. */
export interface PageEvents extends Omit<LiveEvents, "snapshot"> {
  /** Once, on connecting: everything. */
  snapshot: Snapshot;
  /** After every change to a warm-up. */
  warm_ups: WarmUpsView;
}
