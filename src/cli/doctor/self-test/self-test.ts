import { duration, grouped, roughly } from "../../../format/numbers.ts";
import type { Output } from "../../../terminal/output.ts";
import type { Address } from "../../../upstream/address.ts";
import { Upstream } from "../../../upstream/upstream.ts";
import { observeSlots } from "../observe.ts";
import type { SlotsSeen } from "../observed.ts";
import { type Step, type StepId, steps } from "./conversation.ts";
import type { SelfTest } from "./judge.ts";
import { directLane, type Lane, type Measured, repairedLane } from "./measure.ts";

export interface SelfTestSettings {
  readonly upstream: Address;
  readonly headers: Headers;
  readonly model: string;
  readonly output: Output;
  /** Aborts the self-test, with a reason in words. */
  readonly signal: AbortSignal;
}

/** Prompt tokens that the self-test evaluates, measured with five chat templates and Qwen's tokenizer: 17 000 to 37 000. */
export const SELF_TEST_TOKENS = 37_000;

/**
 * Sends a synthetic conversation, unchanged and as the proxy would forward it, and measures each request. Gives way to real requests: it
 * ends when the server has another one.
 */
export async function runSelfTest(settings: SelfTestSettings): Promise<SelfTest> {
  const { model, output, headers } = settings;
  const upstream = new Upstream(settings.upstream);
  upstream.noteCredentials(headers);
  const measured: { direct: Measured[]; repaired: Measured[] } = { direct: [], repaired: [] };
  const run = new Run(settings);
  try {
    // The repaired requests come first: their cold one tells how fast the server is.
    await run.lane(repairedLane(upstream, headers), steps(model, nonce()), measured.repaired);
    const direct = steps(model, nonce()).filter(({ id }) => !REPAIRED_ONLY.has(id));
    if (hasFigures(measured.repaired[0]))
      await run.lane(directLane(upstream, headers), direct, measured.direct);
    return measured;
  } catch (error) {
    if (!(error instanceof Aborted)) throw error;
    return { ...measured, aborted: error.message };
  } finally {
    run.close();
    output.status(undefined);
  }
}

// --- internal ---

class Aborted extends Error {
  override readonly name = "Aborted";
}

/** Any client of the server: it must not wait for us. */
const OTHERS = "the server has another request";
const WATCH_MS = 250;
/** They say something about the server, whoever sends them. */
const REPAIRED_ONLY: ReadonlySet<StepId> = new Set(["long-loop", "day", "control", "back"]);

/** Without figures, or after an error, the steps that follow would show nothing new. */
function hasFigures(first: Measured | undefined): boolean {
  return first?.cached_tokens !== undefined;
}

/** One run: sends the steps, shows the progress, and watches for requests of others. */
class Run {
  readonly #settings: SelfTestSettings;
  readonly #abort = new AbortController();
  readonly #timer: Timer;
  #isSending = false;
  #evaluated = 0;
  #seconds = 0;
  #hasSaid = false;

  constructor(settings: SelfTestSettings) {
    this.#settings = settings;
    settings.signal.addEventListener("abort", () =>
      this.#abort.abort(new Aborted(String(settings.signal.reason))),
    );
    this.#timer = setInterval(() => void this.#watch(), WATCH_MS);
  }

  async lane(send: Lane, all: readonly Step[], into: Measured[]): Promise<void> {
    for (const step of all) {
      await this.#yieldToOthers();
      this.#settings.output.status(`self-test: ${step.title}${this.#left()}; press Ctrl-C to stop`);
      this.#isSending = true;
      const measured = await send(step, this.#abort.signal);
      this.#isSending = false;
      into.push(measured);
      if (!hasFigures(into[0])) return;
      this.#count(measured);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  // --- internal ---

  /** A request that waited for ours has started by now. */
  async #yieldToOthers(): Promise<void> {
    const slots = await this.#slots();
    if (slots && slots.busy > 0) throw new Aborted(OTHERS);
    this.#abort.signal.throwIfAborted();
  }

  async #watch(): Promise<void> {
    if (!this.#isSending) return;
    const slots = await this.#slots();
    if (this.#isSending && slots && slots.busy > 1) this.#abort.abort(new Aborted(OTHERS));
  }

  async #slots(): Promise<SlotsSeen | undefined> {
    return await observeSlots(this.#settings.upstream, this.#settings.headers);
  }

  #count({ evaluated_tokens = 0, seconds }: Measured): void {
    this.#evaluated += evaluated_tokens;
    this.#seconds += seconds;
    if (this.#hasSaid) return;
    this.#hasSaid = true;
    const speed = evaluated_tokens / seconds;
    this.#settings.output.line(
      `  ${grouped(roughly(speed))} tokens/s: the self-test takes about ${duration(Math.ceil(SELF_TEST_TOKENS / speed))}`,
    );
  }

  #left(): string {
    if (this.#seconds === 0 || this.#evaluated === 0) return "";
    const left = (SELF_TEST_TOKENS - this.#evaluated) / (this.#evaluated / this.#seconds);
    return left > 1 ? `, about ${duration(Math.ceil(left))} left` : "";
  }
}

function nonce(): string {
  return crypto.randomUUID().slice(0, 8);
}
