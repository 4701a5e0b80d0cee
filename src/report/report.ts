import type { BodyChange, Observer } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { RequestLines } from "./lines.ts";
import { LiveFeed } from "./live.ts";
import { METRICS_TYPE, renderMetrics } from "./metrics.ts";
import { type OwnHandler, ownPages } from "./pages.ts";
import { ProgressPoll } from "./progress.ts";
import { PromptSizes } from "./prompt-size.ts";
import { RecordRing } from "./record.ts";
import { Recorder } from "./recorder.ts";
import { RunningRequests } from "./running.ts";
import { type Stats, stats, totalsView } from "./stats.ts";
import { CostliestRequests, formatSummary } from "./summary.ts";
import { Totals } from "./totals.ts";

export interface ReportSettings {
  readonly upstream: Upstream;
  readonly logFormat: "text" | "json";
  /** Only what is wrong is said. */
  readonly quiet: boolean;
  /** Colours, a line that shows the progress, and the names of the columns again and again. */
  readonly isTerminal: boolean;
  /** Asked for every line: terminals change their width. */
  readonly columns?: () => number | undefined;
  /** Takes whole lines and, on a terminal, control sequences. */
  readonly write: (text: string) => void;
  /** For `--verbose`: what became of a body. */
  readonly onRewritten?: ((request: ClientRequest, change: BodyChange) => void) | undefined;
  /** How long a request waits before the upstream is asked for its progress, and how often then. */
  readonly patienceMs?: number;
  readonly pollMs?: number;
}

/** All that is told of the requests: on the terminal, on the page, as metrics. */
export interface Report {
  readonly observer: Observer;
  /** Answers what is below `/cache-proxy/`; undefined for everything else. */
  readonly own: OwnHandler;
  /** The run so far, in words; empty before the first inference request. */
  summary(): string;
  /** Ends the pages' connections and all timers; the observer may still be called. */
  close(): void;
}

const KEPT_RECORDS = 500;
const PATIENCE_MS = 2000;
const POLL_MS = 1000;

export function createReport(settings: ReportSettings): Report {
  const startedAt = new Date();
  const totals = new Totals();
  const ring = new RecordRing(KEPT_RECORDS);
  const costliest = new CostliestRequests();
  const running = new RunningRequests();
  const feed = new LiveFeed();
  const lines = new RequestLines(settings);
  const sizes = new PromptSizes();
  const poll = new ProgressPoll({
    upstream: settings.upstream,
    sizes,
    wanted: () => lines.showsProgress || feed.isWatched,
    patienceMs: settings.patienceMs ?? PATIENCE_MS,
    intervalMs: settings.pollMs ?? POLL_MS,
    progressed(request, progress) {
      running.progressed(request.id, progress);
      update();
    },
  });

  function update(): void {
    lines.showProgress(running.list().flatMap(({ progress }) => progress ?? []));
    feed.sendSoon("running", () => running.list());
  }

  // In this order: figures first, so that whoever tells of them tells the new ones.
  const recorder = new Recorder([
    { ended: (record) => totals.add(record), passed: (...end) => totals.count("other", ...end) },
    { ended: (record) => ring.add(record) },
    { rewritten: settings.onRewritten },
    sizes,
    costliest,
    running,
    poll,
    { sent: update, answering: update, ended: update },
    { ended: (record) => lines.add(record) },
    { ended: (record) => feed.send("request", { record, totals: totalsView(totals) }) },
  ]);

  function currentStats(): Stats {
    recorder.flush();
    return stats({ startedAt, totals, running: running.list(), records: ring.list() });
  }

  return {
    observer: recorder,
    own: ownPages({
      stats: () => Response.json(currentStats()),
      events: () => feed.connect(currentStats()),
      metrics: () => {
        recorder.flush();
        const source = { totals, running: running.size, failures: recorder.failures };
        const text = renderMetrics({ ...source, startedAt: startedAt.getTime() / 1000 });
        return new Response(text, { headers: { "content-type": METRICS_TYPE } });
      },
    }),
    summary() {
      recorder.flush();
      return formatSummary(totals, costliest.list());
    },
    close() {
      recorder.flush();
      poll.close();
      feed.close();
      lines.close();
    },
  };
}
