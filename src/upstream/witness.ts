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

/** A request, as far as the server that answers it is concerned. */
export interface Sent {
  /** By the client's name. */
  readonly model?: string | undefined;
  /** `performance.now()`; now, if not given. */
  readonly sentAt?: number;
}

/** Finds out what happened to the server, or to each model's server after a router. */
export class Witness {
  readonly #upstream: Upstream;
  readonly #servers = new Map<string, ServerWitness>();
  #lostAt = Number.NEGATIVE_INFINITY;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
    upstream.on("lost", () => {
      this.#lostAt = performance.now();
    });
  }

  /** A request is sent. */
  sent({ model, sentAt }: Sent = {}): void {
    this.#of(model).sent(sentAt ?? performance.now());
  }

  /** A request has ended, and the server evaluated so many tokens for it. */
  ended(evaluated: number | undefined, { model }: Sent = {}): void {
    this.#of(model).ended(evaluated);
  }

  /** A request began something new: looks at the server, so that what happened before is not taken for the cause of a later loss. */
  look({ model, sentAt }: Sent = {}): void {
    this.#of(model).look(sentAt ?? performance.now());
  }

  /** What happened between `since` (`performance.now()`) and a request. Never rejects; takes two seconds at most. */
  async testify(since: number, { model, sentAt }: Sent = {}): Promise<Testimony> {
    const isLost = this.#lostAt > since;
    return await this.#of(model).testify(since, sentAt ?? performance.now(), isLost);
  }

  // --- internal ---

  #of(model: string | undefined): ServerWitness {
    const name = this.#upstream.hasModels ? model : undefined;
    const key = name ?? "";
    const server = this.#servers.get(key) ?? new ServerWitness(this.#upstream, name);
    this.#servers.delete(key);
    this.#servers.set(key, server);
    for (const oldest of this.#servers.keys())
      if (this.#servers.size > MAX_SERVERS) this.#servers.delete(oldest);
    return server;
  }
}

// --- internal ---

/** Clients may make up names of models; the one that was silent for longest is forgotten first. */
const MAX_SERVERS = 32;

/**
 * Finds out what happened to one server. It asks `/metrics` for the process's start time once in the beginning, and then only after something looks
 * lost: a scrape resets llama-server's averaged gauges. Where `/metrics` is off, it asks `/slots` for the tasks, which start over with the process,
 * after each request.
 */
class ServerWitness {
  readonly #upstream: Upstream;
  /** After a router. */
  readonly #model: string | undefined;
  #before: Reading | undefined;
  #reading: Promise<Reading> | undefined;
  /** Tokens that this proxy's requests evaluated since the last reading; `undefined` if one of them did not report it. */
  #evaluated: number | undefined;
  #running = 0;
  /** When the last request was sent. */
  #sentAt = 0;
  readonly #last = new Map<Event, number>();

  constructor(upstream: Upstream, model: string | undefined) {
    this.#upstream = upstream;
    this.#model = model;
  }

  /** Looks whether the server sleeps, before the request wakes it. */
  sent(sentAt: number): void {
    this.#running += 1;
    this.#sentAt = sentAt;
    void this.#upstream.facts({ model: this.#model }).then(({ sleeping }) => {
      if (sleeping) this.#note("slept", sentAt);
    });
    if (!this.#before) void this.#read(false, sentAt);
  }

  look(sentAt: number): void {
    void this.#read(true, sentAt);
  }

  ended(evaluated: number | undefined): void {
    // A request that was sent before the router was known as one counts for another server.
    this.#running = Math.max(0, this.#running - 1);
    if (this.#evaluated !== undefined)
      this.#evaluated = evaluated === undefined ? undefined : this.#evaluated + evaluated;
    if (!this.#before || this.#running > 0) return;
    const { start, tasks, total } = this.#before;
    // Tasks go on with every request, and without a start time they are all that shows a restart.
    if (start === undefined && tasks !== undefined) void this.#read(true, this.#sentAt, "tasks");
    else if (start !== undefined && total === undefined) void this.#read(true, this.#sentAt);
  }

  async testify(since: number, sentAt: number, isLost: boolean): Promise<Testimony> {
    // The answers of several named servers say nothing about the one that a conversation is on.
    if (this.#upstream.replicas.names.length > 1) return {};
    const before = this.#before;
    const after = await this.#latest(sentAt);
    const noted = (event: Event): boolean => (this.#last.get(event) ?? Number.NEGATIVE_INFINITY) > since;
    const isKnown = after !== undefined && before?.start !== undefined && after.start !== undefined;
    const restarted = noted("restarted") || (!isKnown && isLost);
    return {
      restarted: restarted || (isKnown ? false : undefined),
      modelLoaded: noted("modelLoaded"),
      slept: noted("slept"),
      replica: noted("replica"),
      foreignTokens: after?.foreign,
      hasOneModel: this.#upstream.hasModels ? false : after?.facts && after.facts.slots !== undefined,
      template: after?.facts?.template,
      isSame: isKnown ? !restarted && !noted("replica") && !noted("slept") : undefined,
    };
  }

  // --- internal ---

  /** It happened before the request of that time was answered, so that later requests have nothing to do with it. */
  #note(event: Event, sentAt: number): void {
    this.#last.set(event, Math.max(sentAt, this.#last.get(event) ?? sentAt));
  }

  /** A reading that begins now. */
  async #latest(sentAt: number): Promise<Reading | undefined> {
    const latest = Promise.resolve(this.#reading).then(() => this.#read(true, sentAt));
    return (await settles(latest, ANSWER_MS)) ? await latest : undefined;
  }

  /** `isWhole`: no request of this proxy runs, so that the server's totals are comparable. */
  async #read(
    isWhole: boolean,
    sentAt: number,
    what: "everything" | "tasks" = "everything",
  ): Promise<Reading> {
    this.#reading ??= this.#readOnce(isWhole, sentAt, what === "everything");
    return await this.#reading;
  }

  async #readOnce(isWhole: boolean, sentAt: number, isFull: boolean): Promise<Reading> {
    const before = this.#before;
    try {
      const ours = this.#evaluated;
      const isQuiet = isWhole && this.#running === 0;
      const { start, total } = isFull ? await this.#metrics() : {};
      const tasks = start === undefined ? await this.#tasks() : undefined;
      const answer = isFull ? await this.#upstream.probe({ model: this.#model }) : undefined;
      const facts = answer && "facts" in answer ? answer.facts : undefined;
      const others = before && start !== undefined ? await this.#moreStarts() : [];
      const reading = { start, tasks, facts, total: isQuiet ? total : undefined, foreign: undefined };
      if (before) for (const event of changesBetween(before, reading, others)) this.#note(event, sentAt);
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

  /** The start times that two more connections see: a load balancer may send each to another server. */
  async #moreStarts(): Promise<number[]> {
    const found = [await this.#metrics(), await this.#metrics()];
    return found.flatMap(({ start }) => start ?? []);
  }

  async #metrics(): Promise<{ start?: number | undefined; total?: number | undefined }> {
    try {
      const { headers, text } = await this.#upstream.metrics(AbortSignal.timeout(ANSWER_MS), this.#model);
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
      return await this.#upstream.lastTask(AbortSignal.timeout(ANSWER_MS), this.#model);
    } catch {
      return undefined;
    }
  }
}

const ANSWER_MS = 2_000;

type Event = "restarted" | "modelLoaded" | "slept" | "replica";

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

function changesBetween(before: Reading, after: Reading, others: readonly number[]): Event[] {
  return [...processChange(before, after, others), ...modelChange(before, after)];
}

function processChange(before: Reading, after: Reading, others: readonly number[]): Event[] {
  if (after.start === undefined || before.start === undefined) {
    const isNew = after.tasks !== undefined && before.tasks !== undefined && after.tasks < before.tasks;
    return isNew ? ["restarted"] : [];
  }
  // A process that started earlier than the one before it is another server; so are several start times at once.
  if (after.start < before.start || others.some((start) => start !== after.start)) return ["replica"];
  return after.start > before.start ? ["restarted"] : [];
}

function modelChange({ facts: before }: Reading, { facts: after }: Reading): Event[] {
  if (!before || !after || before.identity === after.identity) return [];
  return before.build !== after.build && before.model === after.model ? ["restarted"] : ["modelLoaded"];
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
