/** How long the proxy waits and how much it holds: the one table. Tests and callers may give other values. */
export interface Limits {
  /** A streaming request without a byte from the upstream for this long gets its first ping, milliseconds. */
  readonly firstPingMs: number;
  /** From one ping to the next, milliseconds. Claude Code gives up after 360 s of silence. */
  readonly nextPingMs: number;
  /** Requests that are with the upstream at the same time; one more gets a 529. Bun's fetch would let it wait in silence. */
  readonly inFlight: number;
  /** The largest request body, bytes; a larger one is refused with 413. */
  readonly requestBytes: number;
  /** An answer with a known length up to this many bytes is sent with that length, see proxy/answer.ts. */
  readonly heldBytes: number;
  /** How long such an answer may take from its first to its last byte, milliseconds; then it is streamed. */
  readonly heldMs: number;
  /** As much of an upstream's error as is read to translate it, bytes. */
  readonly errorBytes: number;
  /** How long an error's body may take, milliseconds. */
  readonly errorMs: number;
}

/** Room for our own questions to the upstream. */
const OWN_QUESTIONS = 8;

/** Bun reads it from the environment before any code of ours runs (deploy/ sets it); 256 is its default. */
function fetchesAtOnce(): number {
  const value = Number(process.env.BUN_CONFIG_MAX_HTTP_REQUESTS);
  return Number.isInteger(value) && value > OWN_QUESTIONS ? value : 256;
}

export const LIMITS: Limits = Object.freeze({
  firstPingMs: 10_000,
  nextPingMs: 10_000,
  inFlight: fetchesAtOnce() - OWN_QUESTIONS,
  requestBytes: 2 ** 30,
  heldBytes: 2 ** 20,
  heldMs: 50,
  errorBytes: 2 ** 16,
  errorMs: 5_000,
});
