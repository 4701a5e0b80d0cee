import type { Difference } from "../prefix/difference.ts";
import type { Observer } from "../request/observer.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { ServerWatch } from "../upstream/watch.ts";
import { Witness } from "../upstream/witness.ts";
import { CostliestRequests } from "./costliest.ts";
import { Explainer, type RequestView } from "./explainer.ts";
import type { Failures } from "./failures.ts";
import type { Listener } from "./listener.ts";
import { ProgressPoll, type ProgressTimes } from "./progress.ts";
import { PromptSizes } from "./prompt-size.ts";
import { RecordRing, type RequestRecord } from "./record.ts";
import { Recorder } from "./recorder.ts";
import { RunningRequests } from "./running.ts";
import { type Stats, stats } from "./stats.ts";
import { prefillSpeed, Totals } from "./totals.ts";

export interface ReportSettings {
  readonly upstream: Upstream;
  readonly failures: Failures;
  /** Whether a page is open, which shows at all times whether the server answers. */
  readonly pageOpen?: () => boolean;
  /** Whether anybody looks at the progress of prefills; if not, the upstream is not asked for it. */
  readonly progressWanted: () => boolean;
  readonly progressTimes?: Partial<ProgressTimes> | undefined;
  /** Gets the text around the first difference of each request that has a cause; without it no text is kept. */
  readonly onDifference?: ((difference: Difference) => void) | undefined;
}

const KEPT_RECORDS = 500;

/** The figures of this run. Observations arrive a moment late: call `flush` before reading a figure outside of a listener. */
export class Report {
  readonly startedAt = new Date();
  readonly failures: Failures;
  readonly totals = new Totals();
  readonly costliest = new CostliestRequests();
  readonly running = new RunningRequests();
  /** What is known of the server now. */
  readonly server: ServerWatch;
  readonly #ring = new RecordRing(KEPT_RECORDS);
  readonly #witness: Witness;
  readonly #explainer: Explainer;
  readonly #recorder: Recorder;
  readonly #poll: ProgressPoll;

  constructor(settings: ReportSettings) {
    const { upstream, failures, progressWanted, progressTimes, pageOpen, onDifference } = settings;
    const sizes = new PromptSizes();
    this.failures = failures;
    this.#witness = new Witness(upstream);
    this.#explainer = new Explainer({
      witness: this.#witness,
      speed: () => prefillSpeed(this.totals),
      onDifference,
      replicaOf: (key) => upstream.replicas.of(key),
    });
    this.#recorder = new Recorder(failures, this.#explainer, (record) => this.#withCost(record));
    this.server = new ServerWatch(upstream, (now, isFirst) => {
      this.running.slots = now.slots;
      if (!isFirst) this.#recorder.tell((listener) => listener.server?.(now));
    });
    this.server.watch(() => pageOpen?.() === true);
    this.#poll = new ProgressPoll({
      ...{ upstream, sizes, failures, ...progressTimes },
      wanted: progressWanted,
      progressed: (request, progress) => {
        this.running.progressed(request.id, progress);
        this.#tellRunning();
      },
    });
    // Figures come first, so that every later listener sees the new ones.
    for (const listener of [
      this.#figures(),
      sizes,
      this.costliest,
      this.running,
      this.#poll,
      this.#changes(),
    ])
      this.listen(listener);
  }

  get observer(): Observer {
    return this.#recorder;
  }

  /** Listeners are called in the order in which they were added, after the figures have changed. */
  listen(listener: Listener): void {
    this.#recorder.listen(listener);
  }

  /** Takes in every observation so far, and tells the listeners. */
  flush(): void {
    this.#recorder.flush();
  }

  /** Resolves when every request that has ended is in the figures, with its cause. */
  async settled(): Promise<void> {
    await this.#recorder.settled();
  }

  /** A request of the proxy's own, which is in no figure but must not count as that of a foreign client. */
  warmUpStarted(model: string | undefined): void {
    this.#witness.sent({ model });
  }

  /** `evaluated` is unknown where the warm-up did not end well. */
  warmUpEnded(model: string | undefined, evaluated: number | undefined): void {
    this.#witness.ended(evaluated, { model });
  }

  /** One of the last requests beside the earlier one that it was compared with. */
  view(id: number): RequestView | undefined {
    this.flush();
    return this.#explainer.view(id);
  }

  /** Always up to date. */
  stats(): Stats {
    this.flush();
    const { startedAt, totals, failures, running } = this;
    const server = this.server.view;
    const lists = { running: running.list(), records: this.#ring.list() };
    return stats({ startedAt, server, totals, failures: failures.view(), ...lists });
  }

  /** Ends all timers; the observer may still be called. */
  close(): void {
    this.#recorder.close();
    this.#poll.close();
    this.server.close();
  }

  // --- internal ---

  #figures(): Listener {
    return {
      ended: (record) => {
        this.totals.add(record);
        this.#ring.add(record);
      },
      refused: (status) => this.totals.refuse(status),
      passed: (outcome, status) => this.totals.count("other", outcome, status),
    };
  }

  #changes(): Listener {
    const tell = (): void => this.#tellRunning();
    return { sent: tell, answering: tell, generated: tell, ended: tell };
  }

  /** A client that leaves during the prefill has no answer that says what it cost. */
  #withCost(record: RequestRecord): RequestRecord {
    const progress = record.outcome === "client_gone" ? this.running.progressOf(record.id) : undefined;
    if (!progress || record.evaluated_tokens !== undefined) return record;
    return { ...record, abandoned_tokens: progress.done_tokens - progress.cached_tokens };
  }

  #tellRunning(): void {
    const requests = this.running.list();
    this.#recorder.tell((listener) => listener.running?.(requests));
  }
}
