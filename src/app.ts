import type { ConsolaInstance } from "consola/core";
import pkg from "../package.json" with { type: "json" };
import type { GuardSettings } from "./proxy/guard.ts";
import { createRepairs } from "./proxy/repairs.ts";
import { startProxy } from "./proxy/server.ts";
import { Backlog } from "./report/backlog.ts";
import { Failures } from "./report/failures.ts";
import type { ProgressTimes } from "./report/progress.ts";
import { Report } from "./report/report.ts";
import { totalsView } from "./report/stats.ts";
import { observeBoth } from "./request/observer.ts";
import type { RewriteSettings } from "./rewrite/pass.ts";
import { SessionMemory } from "./session/memory.ts";
import { RequestLines } from "./terminal/lines.ts";
import type { LogFormat } from "./terminal/log.ts";
import type { Output } from "./terminal/output.ts";
import { formatSummary, summaryFields } from "./terminal/summary.ts";
import { formatWarmUp } from "./terminal/warm-up.ts";
import { type Address, urlOf } from "./upstream/address.ts";
import { Replicas } from "./upstream/replicas.ts";
import { type Answer, Upstream } from "./upstream/upstream.ts";
import type { ServerView } from "./upstream/watch.ts";
import { projectAt } from "./warm/head.ts";
import { Heads } from "./warm/heads.ts";
import { WarmTotals } from "./warm/totals.ts";
import { Warmer } from "./warm/warmer.ts";
import { isInstance } from "./web/health.ts";
import { Web } from "./web/web.ts";

export interface AppSettings extends GuardSettings, RewriteSettings {
  /** 0 takes a free one. */
  readonly port: number;
  readonly upstream: Address;
  readonly warm: "auto" | "off";
  /** Where the heads of prompts are kept; `undefined` keeps none. */
  readonly headsFolder?: string | undefined;
  /** Where the command works that `run` starts: the head of this project is warmed first. */
  readonly projectFolder?: string | undefined;
  /** In which a balancer names the server that answered. */
  readonly replicaHeader: string;
  readonly logFormat: LogFormat;
  /** `text` also shows the prompt's text around the first difference, on a terminal only. */
  readonly explain?: "cause" | "text";
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly progressTimes?: Partial<ProgressTimes>;
  /** Whether it runs until somebody stops it, and not just for one command; true if left out. */
  readonly stays?: boolean;
  /** Resolves when the upstream can take requests; for one that is known to be loading. Never rejects. */
  readonly ready?: () => Promise<void>;
}

/** A running proxy with its report, its terminal lines and its pages. */
export interface App {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** Errors inside cache-proxy; the process adds those that nothing else handled. */
  readonly failures: Failures;
  /** The number of requests that are not answered to the end. */
  readonly running: number;
  /** What the upstream answers to `/props` now. */
  probe(): Promise<Answer>;
  /** What is known of the upstream; `unknown` before the first `probe`. */
  readonly server: ServerView;
  /** Whether the upstream is this proxy itself. */
  isOwnUpstream(): Promise<boolean>;
  /** The run so far in words; empty before the first inference request. */
  summary(): string;
  /** The same as the fields of a JSON object. */
  summaryFields(): Record<string, unknown>;
  /** Accepts no more requests, and resolves when the running ones are answered to the end. */
  stop(): Promise<void>;
  /** Stops at once and breaks off the running requests. */
  kill(): Promise<void>;
}

/** Puts the parts together and starts to listen. Throws when it cannot, for instance with `code: "EADDRINUSE"`. */
export function startApp(settings: AppSettings, output: Output, log: ConsolaInstance): App {
  const saysMore = settings.verbose && !settings.quiet;
  const failures = new Failures((text) => saysMore && log.withTag("failure").log(`internal error: ${text}`));
  const upstream = new Upstream(settings.upstream, {}, new Replicas(settings.replicaHeader));
  const lines = new RequestLines({ ...settings, output, log });
  const report = new Report({
    upstream,
    failures,
    pageOpen: () => web.isWatched,
    progressWanted: () => lines.showsProgress || web.isWatched,
    progressTimes: settings.progressTimes,
    onDifference:
      settings.explain === "text" && lines.showsProgress ? (found) => lines.difference(found) : undefined,
  });
  const instance = crypto.randomUUID();
  const warmUps = new WarmTotals();
  const identity = {
    instance,
    upstream: urlOf(settings.upstream),
    version: pkg.version,
    system_turns: settings.systemTurns,
    tools: settings.tools,
    stays: settings.stays ?? true,
  };
  const web = new Web(report, identity, warmUps);
  report.listen(lines);
  report.listen(web);
  const warmer = settings.warm === "auto" ? startWarmer() : undefined;
  const proxy = startProxy({
    ...settings,
    upstream,
    repair: createRepairs(settings, upstream, new SessionMemory()),
    observer: warmer ? observeBoth(report.observer, warmer) : report.observer,
    own: web.own,
  });
  return {
    url: proxy.url,
    failures,
    get running() {
      return proxy.running;
    },
    get server() {
      return report.server.view;
    },
    probe: async () => (await report.server.ask()) ?? (await upstream.probe()),
    isOwnUpstream: () => isInstance(settings.upstream, instance),
    summaryFields() {
      report.flush();
      return summaryFields(totalsView(report.totals), report.costliest.list());
    },
    summary() {
      report.flush();
      lines.flush();
      return formatSummary(report.totals, report.costliest.list());
    },
    async stop() {
      warmer?.close();
      // Closes the port first, so that no page reconnects; a page's stream would otherwise keep the proxy running.
      const stopped = proxy.stop();
      web.close();
      await stopped;
      report.close();
    },
    async kill() {
      warmer?.close();
      web.close();
      report.close();
      await proxy.kill();
    },
  };

  function startWarmer(): Warmer {
    const { headsFolder, projectFolder } = settings;
    const backlog = new Backlog(failures);
    return new Warmer({
      upstream,
      later: (job, bytes) => backlog.add(job, bytes),
      heads: headsFolder === undefined ? undefined : new Heads(headsFolder),
      project: projectFolder === undefined ? undefined : projectAt(projectFolder),
      listener: {
        started(warmUp) {
          warmUps.started(warmUp);
          report.warmUpStarted(warmUp.model);
          web.warmUpsChanged();
        },
        ended(warmUp, result) {
          warmUps.ended(warmUp, result);
          const evaluated = result.outcome === "complete" ? result.evaluated_tokens : undefined;
          report.warmUpEnded(warmUp.model, evaluated);
          web.warmUpsChanged();
          if (saysMore) log.withTag("warm-up").log(formatWarmUp(warmUp, result));
        },
      },
    });
  }
}
