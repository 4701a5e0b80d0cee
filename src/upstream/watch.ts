import type { Answer, Upstream } from "./upstream.ts";

/** The server as the terminal, stats.json and the page show it; what it does not say is left out. */
export interface ServerView {
  /**
   * `unknown`: not asked yet; `loading`: it answers 503 to everything, as llama-server does while it loads a model; `other`: something
   * answers, but not with llama-server's `/props`; `lost`: nothing answers.
   */
  readonly state: "unknown" | "loading" | "ready" | "other" | "lost";
  /** When this state began, ISO 8601 in UTC. */
  readonly since: string;
  /** Why nothing answers. */
  readonly cause?: string;
  /** The HTTP status of `/props` when there are no facts. */
  readonly status?: number;
  readonly build?: string;
  readonly model?: string;
  readonly slots?: number;
  /** Tokens of context of one slot. */
  readonly context?: number;
  /** The model is unloaded; the next request loads it again. */
  readonly sleeping?: boolean;
}

/** How often a server that does not answer is asked, milliseconds. */
const DOWN_EVERY_MS = 2_000;
/** How often a ready server is asked while a page is open: it may end without any request that would notice. */
const UP_EVERY_MS = 10_000;

/** Called after a change. `isFirst`: nothing was known before. */
export type OnServer = (now: ServerView, isFirst: boolean) => void;

/** Knows whether the server answers: learns it from `Upstream` and, while the server is lost or loading, by asking. */
export class ServerWatch {
  readonly #upstream: Upstream;
  readonly #onChange: OnServer;
  #view: ServerView = { state: "unknown", since: new Date().toISOString() };
  #isAsking = false;
  /** The question under way was asked before the server was lost. */
  #isStale = false;
  #askedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(upstream: Upstream, onChange: OnServer) {
    this.#upstream = upstream;
    this.#onChange = onChange;
    upstream.on("back", () => void this.ask());
    upstream.on("lost", () => {
      this.#isStale = this.#isAsking;
      void this.ask();
    });
  }

  get view(): ServerView {
    return this.#view;
  }

  /** Starts to ask every 2 s while the server is lost or loading, and now and then while `isSeen` is true. Nothing is asked before `ask`. */
  watch(isSeen: () => boolean, everyMs: number = DOWN_EVERY_MS): void {
    this.#timer = setInterval(() => this.#tick(isSeen), everyMs);
    this.#timer.unref();
  }

  /** Asks now. Never rejects. */
  async ask(): Promise<Answer | undefined> {
    if (this.#isAsking) return undefined;
    this.#isAsking = true;
    try {
      const answer = await this.#upstream.probe();
      this.#askedAt = performance.now();
      this.#take(answer);
      return answer;
    } finally {
      this.#isAsking = false;
      if (this.#isStale) {
        this.#isStale = false;
        void this.ask();
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  // --- internal ---

  #tick(isSeen: () => boolean): void {
    const { state } = this.#view;
    const isDown = state === "lost" || state === "loading";
    const isOld = performance.now() - this.#askedAt > UP_EVERY_MS;
    if (isDown || (state !== "unknown" && isOld && isSeen())) void this.ask();
  }

  #take(answer: Answer): void {
    const before = this.#view;
    const since = new Date().toISOString();
    const now = viewOf(answer, since);
    if (isSame(before, now)) return;
    this.#view = { ...now, since: before.state === now.state ? before.since : since };
    this.#onChange(this.#view, before.state === "unknown");
  }
}

// --- internal ---

function viewOf(answer: Answer, since: string): ServerView {
  if ("cause" in answer) return { state: "lost", since, cause: answer.cause };
  if ("status" in answer)
    return { state: answer.status === 503 ? "loading" : "other", since, status: answer.status };
  const { build, model, slots, context, sleeping } = answer.facts;
  return {
    state: "ready",
    since,
    ...(build !== undefined && { build }),
    ...(model !== undefined && { model }),
    ...(slots !== undefined && { slots }),
    ...(context !== undefined && { context }),
    ...(sleeping === true && { sleeping }),
  };
}

/** Another cause of the same loss is no news. */
function isSame(before: ServerView, now: ServerView): boolean {
  if (before.state !== now.state) return false;
  const names = ["status", "build", "model", "slots", "context", "sleeping"] as const;
  return names.every((name) => before[name] === now[name]);
}
