import type { ServerFacts } from "./props.ts";
import { settles } from "./settles.ts";
import type { Upstream } from "./upstream.ts";

/** What the server's answers prove about the time since a moment; `undefined` is unknown. */
export interface Testimony {
  readonly restarted?: boolean | undefined;
  /** Another model or chat template answers. */
  readonly modelLoaded?: boolean | undefined;
  readonly slept?: boolean | undefined;
  /** More than one server answers at this address. */
  readonly replica?: boolean | undefined;
  /** Tokens that the server evaluated for clients that do not use this proxy. */
  readonly foreignTokens?: number | undefined;
  /** The server has one model, whatever name a request gives. */
  readonly hasOneModel?: boolean | undefined;
  /** The chat template. */
  readonly template?: string | undefined;
  /** The same process as before, without a break. */
  readonly isSame?: boolean | undefined;
}

/**
 * Finds out what happened to the server. It asks `/metrics` for the process's start time (where that is off, `/slots` for the tasks, which
 * start over with the process) once in the beginning, and then only after something looks lost: a scrape resets llama-server's averaged gauges.
 */
export class Witness {
  readonly #upstream: Upstream;
  #before: Reading | undefined;
  #reading: Promise<Reading> | undefined;
  /** Tokens that this proxy's requests evaluated since the last reading; `undefined` if one of them did not report it. */
  #evaluated: number | undefined;
  #running = 0;
  readonly #last = new Map<Event, number>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
    upstream.on("lost", () => this.#note("lost"));
  }

  /** A request is sent. Looks whether the server sleeps, before the request wakes it. */
  sent(): void {
    this.#running += 1;
    void this.#upstream.facts().then(({ sleeping }) => {
      if (sleeping) this.#note("slept");
    });
    if (!this.#before) void this.#read(false);
  }

  /** A request has ended, and the server evaluated so many tokens for it. */
  ended(evaluated: number | undefined): void {
    this.#running -= 1;
    if (this.#evaluated !== undefined)
      this.#evaluated = evaluated === undefined ? undefined : this.#evaluated + evaluated;
    if (!this.#before || this.#running > 0) return;
    const { start, tasks, total } = this.#before;
    // Tasks go on with every request, and without a start time they are all that shows a restart.
    if (start === undefined && tasks !== undefined) void this.#read(true, "tasks");
    else if (start !== undefined && total === undefined) void this.#read(true);
  }

  /** What happened since `since` (`performance.now()`). Never rejects; takes two seconds at most. */
  async testify(since: number): Promise<Testimony> {
    // The answers of several named servers say nothing about the one that a conversation is on.
    if (this.#upstream.replicas.names.length > 1) return {};
    const before = this.#before;
    const after = await this.#latest();
    const noted = (event: Event): boolean => (this.#last.get(event) ?? Number.NEGATIVE_INFINITY) > since;
    const isKnown = after !== undefined && before?.start !== undefined && after.start !== undefined;
    const restarted = noted("restarted") || (!isKnown && noted("lost"));
    return {
      restarted: restarted || (isKnown ? false : undefined),
      modelLoaded: noted("modelLoaded"),
      slept: noted("slept"),
      replica: noted("replica"),
      foreignTokens: after?.foreign,
      hasOneModel: after?.facts && after.facts.slots !== undefined,
      template: after?.facts?.template,
      isSame: isKnown ? !restarted && !noted("replica") && !noted("slept") : undefined,
    };
  }

  // --- internal ---

  #note(event: Event): void {
    this.#last.set(event, performance.now());
  }

  /** A reading that begins now. */
  async #latest(): Promise<Reading | undefined> {
    const latest = Promise.resolve(this.#reading).then(() => this.#read(true));
    return (await settles(latest, ANSWER_MS)) ? await latest : undefined;
  }

  /** `isWhole`: no request of this proxy runs, so that the server's totals are comparable. */
  async #read(isWhole: boolean, what: "everything" | "tasks" = "everything"): Promise<Reading> {
    this.#reading ??= this.#readOnce(isWhole, what === "everything");
    return await this.#reading;
  }

  async #readOnce(isWhole: boolean, isFull: boolean): Promise<Reading> {
    const before = this.#before;
    try {
      const ours = this.#evaluated;
      const isQuiet = isWhole && this.#running === 0;
      const { start, total } = isFull ? await this.#metrics() : {};
      const tasks = start === undefined ? await this.#tasks() : undefined;
      const answer = isFull ? await this.#upstream.probe() : undefined;
      const facts = answer && "facts" in answer ? answer.facts : undefined;
      const others = before && start !== undefined ? await this.#moreStarts() : [];
      const reading = { start, tasks, facts, total: isQuiet ? total : undefined, foreign: undefined };
      if (before) this.#compare(before, reading, others);
      const foreign = foreignTokens(before, reading, ours);
      this.#before = {
        ...reading,
        start: start ?? before?.start,
        tasks: tasks ?? before?.tasks,
        facts: facts ?? before?.facts,
      };
      if (isQuiet) this.#evaluated = 0;
      return { ...reading, foreign };
    } finally {
      this.#reading = undefined;
    }
  }

  #compare(before: Reading, after: Reading, others: readonly number[]): void {
    if (after.start !== undefined && before.start !== undefined) {
      // A process that started earlier than the one before it is another server; so are several start times at once.
      if (after.start < before.start || others.some((start) => start !== after.start)) this.#note("replica");
      else if (after.start > before.start) this.#note("restarted");
    } else if (after.tasks !== undefined && before.tasks !== undefined && after.tasks < before.tasks)
      this.#note("restarted");
    if (!before.facts || !after.facts || before.facts.identity === after.facts.identity) return;
    if (before.facts.build !== after.facts.build && before.facts.model === after.facts.model)
      this.#note("restarted");
    else this.#note("modelLoaded");
  }

  /** The start times that two more connections see: a load balancer may send each to another server. */
  async #moreStarts(): Promise<number[]> {
    const found = [await this.#metrics(), await this.#metrics()];
    return found.flatMap(({ start }) => start ?? []);
  }

  async #metrics(): Promise<{ start?: number | undefined; total?: number | undefined }> {
    try {
      const { headers, text } = await this.#upstream.metrics(AbortSignal.timeout(ANSWER_MS));
      const start = Number(headers.get("process-start-time-unix") ?? Number.NaN);
      const total = Number(/^llamacpp:prompt_tokens_total (\d+)/m.exec(text ?? "")?.[1] ?? Number.NaN);
      return {
        start: Number.isFinite(start) && start > 0 ? start : undefined,
        total: Number.isFinite(total) ? total : undefined,
      };
    } catch {
      return {};
    }
  }

  async #tasks(): Promise<number | undefined> {
    try {
      return await this.#upstream.lastTask(AbortSignal.timeout(ANSWER_MS));
    } catch {
      return undefined;
    }
  }
}

// --- internal ---

const ANSWER_MS = 2_000;

type Event = "restarted" | "modelLoaded" | "slept" | "replica" | "lost";

interface Reading {
  /** When the process started, seconds since 1970. */
  readonly start: number | undefined;
  /** The highest task id in its slots. */
  readonly tasks: number | undefined;
  readonly facts: ServerFacts | undefined;
  /** Prompt tokens that it evaluated so far, if no request of this proxy was running. */
  readonly total: number | undefined;
  readonly foreign: number | undefined;
}

function foreignTokens(
  before: Reading | undefined,
  after: Reading,
  ours: number | undefined,
): number | undefined {
  if (before?.total === undefined || after.total === undefined || ours === undefined) return undefined;
  if (before.start !== after.start || after.total < before.total) return undefined;
  return Math.max(0, after.total - before.total - ours);
}
