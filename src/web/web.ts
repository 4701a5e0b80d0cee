import type { Snapshot } from "../page/events.ts";
import type { Listener } from "../report/listener.ts";
import type { RequestRecord } from "../report/record.ts";
import type { Report } from "../report/report.ts";
import { totalsView } from "../report/stats.ts";
import type { ServerView } from "../upstream/watch.ts";
import { WarmTotals } from "../warm/totals.ts";
import { LiveFeed } from "./feed.ts";
import type { Health } from "./health.ts";
import { METRICS_TYPE, renderMetrics } from "./metrics.ts";
import { type OwnHandler, ownPages } from "./pages.ts";

/** Everything below `/cache-proxy/`, made from the report. Keeps open pages up to date as a listener of the report. */
export class Web implements Listener {
  /** Answers a request for the proxy itself; `undefined` for every path of the upstream. */
  readonly own: OwnHandler;
  readonly #report: Report;
  readonly #warmUps: WarmTotals;
  readonly #feed = new LiveFeed();

  /** `identity` goes into the health answer. */
  constructor(report: Report, identity: Omit<Health, "status">, warmUps: WarmTotals = new WarmTotals()) {
    this.#report = report;
    this.#warmUps = warmUps;
    this.own = ownPages({
      health: () => Response.json({ status: "ok", ...identity } satisfies Health),
      metrics: () => this.#metrics(),
      stats: async () => {
        await report.settled();
        return Response.json(this.#snapshot());
      },
      events: () => this.#feed.connect(this.#snapshot()),
      request: (id) => this.#request(id),
    });
  }

  /** To be called when a warm-up has started or ended. */
  warmUpsChanged(): void {
    this.#feed.sendSoon("warm_ups", () => this.#warmUps.view());
  }

  /** Whether a page is open. */
  get isWatched(): boolean {
    return this.#feed.isWatched;
  }

  ended(record: RequestRecord): void {
    this.#feed.send("request", { record, totals: totalsView(this.#report.totals) });
  }

  running(): void {
    this.#feed.sendSoon("running", () => this.#report.running.list());
  }

  server(now: ServerView): void {
    this.#feed.send("server", now);
  }

  /** Ends the pages' connections. */
  close(): void {
    this.#feed.close();
  }

  // --- internal ---

  #snapshot(): Snapshot {
    return { ...this.#report.stats(), warm_ups: this.#warmUps.view() };
  }

  async #request(id: number): Promise<Response> {
    await this.#report.settled();
    const view = this.#report.view(id);
    return view ? Response.json(view) : new Response("not found\n", { status: 404 });
  }

  async #metrics(): Promise<Response> {
    await this.#report.settled();
    const { totals, running, failures, startedAt } = this.#report;
    const text = renderMetrics({
      totals,
      running: running.size,
      failures: failures.count,
      warmUps: this.#warmUps.view(),
      startedAt: startedAt.getTime() / 1000,
    });
    return new Response(text, { headers: { "content-type": METRICS_TYPE } });
  }
}
