import type { Observation, Observer } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import type { LastRequest } from "../session/last-requests.ts";
import type { ServerFacts } from "../upstream/props.ts";
import type { HeldSlot } from "../upstream/slots.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { readWarmable, type WarmableBody } from "./body.ts";
import { Conversations } from "./conversations.ts";
import { Followed, type Follower } from "./followed.ts";
import { headOf, projectOf } from "./head.ts";
import type { Head, Heads } from "./heads.ts";
import type { WarmListener, WarmUp, WarmUpResult } from "./listener.ts";
import { type Cutting, thinksInLoop } from "./pieces.ts";
import { plan, type Step } from "./plan.ts";
import { Quiet } from "./quiet.ts";
import { sendPieces, type Work } from "./send.ts";
import { type LoopRendering, Templates } from "./template.ts";

export interface WarmerSettings {
  readonly upstream: Upstream;
  readonly listener: WarmListener;
  readonly later: Follower["later"];
  /** `undefined` keeps nothing on disk. */
  readonly heads?: Heads | undefined;
  /** The project whose head is wanted first, as `projectOf` names it. */
  readonly project?: string | undefined;
  readonly times?: Partial<WarmTimes> | undefined;
}

export interface WarmTimes {
  /** A warm-up starts when nothing has run through the proxy for so long, milliseconds. */
  readonly quietMs: number;
  /** How often an idle proxy looks whether the server is still there, milliseconds. */
  readonly watchMs: number;
}

const TIMES: WarmTimes = { quietMs: 1_500, watchMs: 1_000 };

/**
 * Sends warm-ups while nothing else runs. It follows all traffic as an observer: any request that arrives aborts the warm-up in progress
 * at once. Each state of a conversation is warmed once, and after a failure nothing is sent before a real request has succeeded.
 */
export class Warmer implements Observer, Follower {
  readonly later: Follower["later"];
  readonly #upstream: Upstream;
  readonly #listener: WarmListener;
  readonly #heads: Heads | undefined;
  readonly #project: string | undefined;
  readonly #conversations = new Conversations();
  readonly #templates: Templates;
  readonly #quiet: Quiet;
  readonly #watch: Timer;
  /** A remembered head that has not been warmed since the server came up. */
  #head: Head | undefined;
  #isBlocked = false;
  /** Another kind of server, maybe somebody else's, is not asked again before the next request. */
  #isForeign = false;
  #isLost = false;
  /** Whether the server came up after everything that was sent to it. */
  #isNew = false;

  constructor({ upstream, listener, later, heads, project, times }: WarmerSettings) {
    const { quietMs, watchMs } = { ...TIMES, ...times };
    this.#upstream = upstream;
    this.#listener = listener;
    this.later = later;
    this.#heads = heads;
    this.#project = project;
    this.#templates = new Templates(upstream);
    this.#quiet = new Quiet(quietMs, (signal) => this.#usePause(signal));
    this.#watch = setInterval(() => void this.#look(), watchMs);
    this.#watch.unref();
    upstream.on("lost", () => this.#noteLost());
    upstream.on("back", () => this.#noteBack());
    void this.#remember();
  }

  arrived(method: string): void {
    if (!isRead(method)) this.#quiet.arrived();
  }

  refused(): void {}

  begin(request: ClientRequest): Observation {
    if (isRead(request.method)) return UNFOLLOWED;
    this.#quiet.begin();
    if (request.endpoint?.isInference) this.#noteUse(request);
    return new Followed(request, this);
  }

  hasRoomFor(bytes: number): boolean {
    return this.#conversations.hasRoomFor(bytes);
  }

  forwarded(request: LastRequest): void {
    this.#conversations.forwarded(request);
  }

  turned(request: LastRequest): void {
    this.#conversations.turned(request);
  }

  ended(isFine: boolean): void {
    if (isFine) this.#isBlocked = false;
    this.#quiet.end();
  }

  /** Aborts the warm-up in progress; no other one follows. */
  close(): void {
    clearInterval(this.#watch);
    this.#quiet.close();
  }

  // --- internal ---

  #noteUse(request: ClientRequest): void {
    this.#isForeign = false;
    this.#isNew = false;
    this.#head = undefined;
    this.#conversations.used(request);
  }

  #noteLost(): void {
    this.#isLost = true;
  }

  #noteBack(): void {
    this.#isLost = false;
    this.#isNew = true;
    this.#conversations.restarted();
    void this.#remember();
    this.#quiet.waitAgain();
  }

  /** Takes the head of the wanted project, or else the latest, unless there is a conversation to go on with. */
  async #remember(): Promise<void> {
    const head = await this.#heads?.latest(this.#project);
    if (!head || this.#quiet.isRunning || !this.#conversations.isEmpty) return;
    this.#head = head;
    this.#quiet.waitAgain();
  }

  /** No request may come that would notice a server that is gone or back. */
  async #look(): Promise<void> {
    const hasUse = !this.#conversations.isEmpty || this.#head !== undefined;
    if (hasUse && this.#quiet.isIdle && !this.#isForeign) this.#isForeign = !(await this.#upstream.watch());
  }

  async #usePause(signal: AbortSignal): Promise<void> {
    await this.#saveHead();
    while (await this.#warmNext(signal));
  }

  async #saveHead(): Promise<void> {
    const { latest } = this.#conversations;
    const body = this.#heads && latest && headOf(latest.body);
    if (body) await this.#heads?.save(projectOf(body), { target: latest.target, body });
  }

  /** Resolves with whether something was warmed and there may be more. Never rejects. */
  async #warmNext(signal: AbortSignal): Promise<boolean> {
    if (this.#isBlocked || this.#isLost || signal.aborted) return false;
    if (!this.#conversations.hasDue && !this.#head) return false;
    const server = await this.#server(signal);
    if (!server) return false;
    const step = plan({
      candidates: this.#conversations.candidates(),
      hasHead: this.#head !== undefined,
      slots: server.slots,
      isNew: this.#isNew && !server.isOneOfSeveral,
    });
    return step !== undefined && (await this.#take(step, server, signal));
  }

  /** The server, if it can be warmed now: a llama-server that does not sleep, whose slots are idle. */
  async #server(signal: AbortSignal): Promise<Server | undefined> {
    const { latest } = this.#conversations;
    const { prefix, model, conversation } = latest ?? {};
    const answer = await this.#upstream.probe({ prefix, model, conversation });
    // Asking for the slots would wake a server that sleeps.
    if (!("facts" in answer) || answer.facts.sleeping || signal.aborted) return undefined;
    const slots = await this.#upstream.held(conversation, signal).catch(() => undefined);
    if (signal.aborted) return undefined;
    // After a balancer these are the slots of one server of several: they say nothing of other conversations.
    const isOneOfSeveral = this.#upstream.replicas.names.length > 1;
    if (!slots?.some(({ isBusy }) => isBusy))
      return { facts: answer.facts, slots: isOneOfSeveral ? undefined : slots, isOneOfSeveral };
    this.#quiet.waitAgain();
    return undefined;
  }

  async #take(step: Step, server: Server, signal: AbortSignal): Promise<boolean> {
    if (step.reason === "start") return await this.#warmHead(signal);
    const { session, reason } = step;
    const request = this.#conversations.get(session);
    const due = this.#conversations.due(session);
    const body = request && readWarmable(request.body);
    if (!due || !body) {
      this.#conversations.warmed(session);
      return true;
    }
    const { target, turn, model, conversation } = request;
    const rendering = await this.#renderingFor(request, body, server, signal);
    // After a turn the server has cached what the template renders as before, and pieces must not be shorter than that.
    const again = rendering === "user" || rendering === "answer" ? "loop" : "tail";
    const cutting: Cutting = { turn, from: reason === "turn" ? again : "all", rendering };
    if (signal.aborted) return false;
    if (reason === "restart") this.#conversations.returns(session);
    const result = await this.#send(
      { reason, session, model },
      { target, conversation, body, cutting, from: due.done },
      signal,
    );
    due.done += result.pieces;
    if (result.outcome !== "complete") return false;
    this.#conversations.warmed(session);
    return true;
  }

  async #renderingFor(
    { prefix, model, conversation }: LastRequest,
    body: WarmableBody,
    { facts }: Server,
    signal: AbortSignal,
  ): Promise<LoopRendering | undefined> {
    const server = { identity: facts.identity, prefix, model, conversation };
    return await this.#templates.rendering(server, thinksInLoop(body), signal);
  }

  async #warmHead(signal: AbortSignal): Promise<boolean> {
    const head = this.#head;
    const body = head && readWarmable(head.body);
    if (!body) return false;
    const cutting: Cutting = { turn: undefined, from: "tail", rendering: undefined };
    const result = await this.#send(
      { reason: "start" },
      { target: head.target, body, cutting, from: 0 },
      signal,
    );
    if (result.outcome === "complete") this.#head = undefined;
    return false;
  }

  async #send(warmUp: WarmUp, work: Work, signal: AbortSignal): Promise<WarmUpResult> {
    this.#isNew = false;
    this.#listener.started(warmUp);
    const result = await sendPieces(this.#upstream, work, signal);
    if (result.outcome === "failed") this.#isBlocked = true;
    this.#listener.ended(warmUp, result);
    return result;
  }
}

// --- internal ---

interface Server {
  readonly facts: ServerFacts;
  readonly slots: readonly HeldSlot[] | undefined;
  readonly isOneOfSeveral: boolean;
}

const UNFOLLOWED: Observation = Object.freeze({
  rewritten() {},
  sent() {},
  answered() {},
  chunk() {},
  end() {},
});

/** Probes and pages that poll evaluate nothing, so they do not count as traffic. */
function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD";
}
