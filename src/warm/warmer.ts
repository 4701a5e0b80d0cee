import { prefixOf } from "../request/endpoints.ts";
import type { Observation, Observer } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import { type LastRequest, LastRequests } from "../session/last-requests.ts";
import type { ServerFacts } from "../upstream/props.ts";
import type { HeldSlot } from "../upstream/slots.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { readWarmable } from "./body.ts";
import { Followed, type Follower } from "./followed.ts";
import { headOf, projectOf } from "./head.ts";
import type { Head, Heads } from "./heads.ts";
import type { WarmListener } from "./listener.ts";
import { type Cutting, thinksInLoop } from "./pieces.ts";
import { type Candidate, plan, type Step } from "./plan.ts";
import { type Sent, sendPieces } from "./send.ts";
import { promptStarts } from "./starts.ts";
import { Templates } from "./template.ts";

export interface WarmerSettings {
  readonly upstream: Upstream;
  readonly listener: WarmListener;
  /** `undefined` keeps nothing on disk. */
  readonly heads?: Heads | undefined;
  readonly times?: Partial<WarmTimes> | undefined;
  readonly requests?: LastRequests | undefined;
}

export interface WarmTimes {
  /** A warm-up starts when nothing has run through the proxy for so long, milliseconds. */
  readonly quietMs: number;
  /** How often an idle proxy looks whether the server is still there, milliseconds. */
  readonly watchMs: number;
}

const TIMES: WarmTimes = { quietMs: 1_500, watchMs: 1_000 };

/**
 * Sends warm-ups while nothing else runs. It follows all traffic as an observer: any request that arrives aborts the warm-up in progress at
 * once. Each state of a conversation is warmed once, and after a failure nothing is sent before a real request has succeeded.
 */
export class Warmer implements Observer, Follower {
  readonly #upstream: Upstream;
  readonly #listener: WarmListener;
  readonly #heads: Heads | undefined;
  readonly #times: WarmTimes;
  readonly #requests: LastRequests;
  readonly #templates: Templates;
  readonly #watch: Timer;
  readonly #due = new Map<string, Due>();
  /** Sessions that have used the server since it lost its cache. */
  readonly #back = new Set<string>();
  /** The conversation that used the server last. */
  #latest: string | undefined;
  #head: Head | undefined;
  #running = 0;
  #quiet: Timer | undefined;
  #active: AbortController | undefined;
  #isBlocked = false;
  #isLost = false;
  #isNew = false;
  #isClosed = false;

  constructor({ upstream, listener, heads, times, requests }: WarmerSettings) {
    this.#upstream = upstream;
    this.#listener = listener;
    this.#heads = heads;
    this.#times = { ...TIMES, ...times };
    this.#requests = requests ?? new LastRequests();
    this.#templates = new Templates(upstream);
    upstream.on("lost", () => this.#lost());
    upstream.on("back", () => this.#cameBack());
    this.#watch = setInterval(() => this.#look(), this.#times.watchMs);
    this.#watch.unref();
    void this.#remember();
  }

  /** A GET evaluates nothing: probes and pages that poll do not count. */
  arrived(method: string): void {
    if (isIdle(method)) return;
    this.#active?.abort();
    this.#arm();
  }

  refused(): void {}

  begin(request: ClientRequest): Observation {
    if (isIdle(request.method)) return UNFOLLOWED;
    this.#running += 1;
    this.#active?.abort();
    if (request.endpoint?.isInference) this.#used(request);
    return new Followed(request, this);
  }

  hasRoomFor(bytes: number): boolean {
    return this.#requests.hasRoomFor(bytes);
  }

  forwarded(request: LastRequest): void {
    this.#requests.set(request);
    this.#due.delete(request.session);
  }

  turned(request: LastRequest): void {
    // A newer request of the session may be on its way.
    if (this.#requests.get(request.session)?.body !== request.body) return;
    this.#requests.set(request);
    this.#due.set(request.session, { reason: "turn", done: 0 });
  }

  ended(isFine: boolean): void {
    this.#running -= 1;
    if (isFine) this.#isBlocked = false;
    this.#arm();
  }

  /** Aborts the warm-up in progress; no other one follows. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#quiet);
    clearInterval(this.#watch);
    this.#active?.abort();
  }

  // --- internal ---

  #used(request: ClientRequest): void {
    const { agent, session, agent_id, endpoint, path } = request;
    this.#isNew = false;
    this.#head = undefined;
    // Nobody comes back to a side request. But a router may have loaded another model for it.
    if (agent === "side" && endpoint && prefixOf(path, endpoint) === "") return;
    const isMain = agent === "main" && session !== undefined;
    this.#latest = isMain ? session : JSON.stringify([session, agent_id]);
    if (isMain) this.#back.add(session);
  }

  #lost(): void {
    this.#isLost = true;
  }

  #cameBack(): void {
    this.#isLost = false;
    this.#isNew = true;
    this.#back.clear();
    this.#latest = undefined;
    for (const { session } of this.#requests.list()) this.#due.set(session, { reason: "restart", done: 0 });
    void this.#remember();
    this.#arm();
  }

  /** Takes the latest head, unless there is a conversation to go on with. */
  async #remember(): Promise<void> {
    const head = await this.#heads?.latest();
    if (!head || this.#running > 0 || this.#requests.list().length > 0) return;
    this.#head = head;
    this.#arm();
  }

  #look(): void {
    const hasUse = this.#requests.list().length > 0 || this.#head !== undefined;
    if (hasUse && this.#running === 0 && !this.#active) void this.#upstream.watch();
  }

  #arm(): void {
    clearTimeout(this.#quiet);
    if (this.#isClosed) return;
    this.#quiet = setTimeout(() => void this.#warmUp(), this.#times.quietMs);
    this.#quiet.unref();
  }

  async #warmUp(): Promise<void> {
    if (this.#running > 0 || this.#active) return;
    const controller = new AbortController();
    this.#active = controller;
    try {
      await this.#saveHead();
      while (await this.#warmNext(controller.signal));
    } catch {
      // Aborted, or the server is gone: the next occasion comes by itself.
    } finally {
      this.#active = undefined;
    }
  }

  async #saveHead(): Promise<void> {
    const [latest] = this.#requests.list();
    const body = this.#heads && latest && headOf(latest.body);
    if (body) await this.#heads?.save(projectOf(body), { target: latest.target, body });
  }

  /** Returns whether something was warmed and there may be more. */
  async #warmNext(signal: AbortSignal): Promise<boolean> {
    if (this.#isBlocked || this.#isLost || signal.aborted) return false;
    if (this.#due.size === 0 && !this.#head) return false;
    const server = await this.#server(signal);
    if (!server || signal.aborted) return false;
    const step = plan({
      candidates: this.#requests.list().map((request) => this.#candidate(request)),
      hasHead: this.#head !== undefined,
      slots: server.slots,
      isNew: this.#isNew,
    });
    return step !== undefined && (await this.#take(step, server, signal));
  }

  /** The server, if it can be warmed now: a llama-server that does not sleep, whose slots are idle. */
  async #server(signal: AbortSignal): Promise<Server | undefined> {
    const [latest] = this.#requests.list();
    const answer = await this.#upstream.probe({ prefix: latest?.prefix, model: latest?.model });
    if (!("facts" in answer) || answer.facts.sleeping || signal.aborted) return undefined;
    const slots = await this.#upstream.held(signal).catch(() => undefined);
    if (!slots?.some(({ isBusy }) => isBusy)) return { facts: answer.facts, slots };
    this.#arm();
    return undefined;
  }

  #candidate({ session, tokens, body }: LastRequest): Candidate {
    return {
      session,
      due: this.#due.get(session)?.reason,
      isLatest: this.#latest === session,
      tokens,
      isBack: this.#back.has(session),
      starts: () => promptStarts(body),
    };
  }

  async #take(step: Step, server: Server, signal: AbortSignal): Promise<boolean> {
    if (step.reason === "start") return await this.#warmHead(signal);
    const { session, reason } = step;
    const request = this.#requests.get(session);
    const due = this.#due.get(session);
    const body = request && readWarmable(request.body);
    if (!request || !due || !body) return this.#due.delete(session);
    const cutting: Cutting = {
      turn: request.turn,
      from: reason === "turn" ? await this.#fromFor(request, server, signal) : "all",
      acceptsTwoUserTurns: !server.facts.strictAlternation,
    };
    if (signal.aborted) return false;
    const sent = await this.#send(
      { reason, session, model: request.model },
      { target: request.target, body, cutting, from: due.done },
      signal,
    );
    due.done += sent.pieces;
    if (sent.outcome !== "complete" || this.#due.get(session) !== due) return false;
    this.#due.delete(session);
    this.#back.add(session);
    return true;
  }

  /** Pieces must not be shorter than what the server has cached. If the template does not render the last loop again, that is everything. */
  async #fromFor(request: LastRequest, { facts }: Server, signal: AbortSignal): Promise<Cutting["from"]> {
    const body = readWarmable(request.body);
    const thinks = body !== undefined && thinksInLoop(body);
    const again = await this.#templates
      .rerendersLoops(facts, request.prefix, thinks, signal)
      .catch(() => undefined);
    return again ? "loop" : "tail";
  }

  async #warmHead(signal: AbortSignal): Promise<boolean> {
    const head = this.#head;
    const body = head && readWarmable(head.body);
    if (!body) return false;
    const cutting: Cutting = { turn: undefined, from: "tail", acceptsTwoUserTurns: true };
    const sent = await this.#send(
      { reason: "start" },
      { target: head.target, body, cutting, from: 0 },
      signal,
    );
    if (sent.outcome === "complete") this.#head = undefined;
    return false;
  }

  async #send(
    warmUp: Parameters<WarmListener["started"]>[0],
    work: Parameters<typeof sendPieces>[1],
    signal: AbortSignal,
  ): Promise<Sent> {
    this.#listener.started(warmUp);
    this.#isNew = false;
    const sent = await sendPieces(this.#upstream, work, signal);
    if (sent.outcome === "failed") this.#isBlocked = true;
    this.#listener.ended(warmUp, sent);
    return sent;
  }
}

// --- internal ---

interface Due {
  readonly reason: "turn" | "restart";
  /** Pieces that are sent; a warm-up that was aborted goes on after them. */
  done: number;
}

interface Server {
  readonly facts: ServerFacts;
  readonly slots: readonly HeldSlot[] | undefined;
}

const UNFOLLOWED: Observation = Object.freeze({
  rewritten() {},
  sent() {},
  answered() {},
  chunk() {},
  end() {},
});

function isIdle(method: string): boolean {
  return method === "GET" || method === "HEAD";
}
