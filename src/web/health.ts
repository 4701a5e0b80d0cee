import type { Address } from "../upstream/address.ts";
import { ask } from "../upstream/ask.ts";
import { OWN_PATH } from "./pages.ts";

/** The answer of `/cache-proxy/health`. */
export interface Health {
  readonly status: "ok";
  /** Random, new in every run. */
  readonly instance: string;
  readonly version: string;
  readonly system_turns: "fold" | "keep";
  readonly tools: "stable" | "keep";
  /** Where it forwards to, as one URL. */
  readonly upstream: string;
  /** False where it ends with the one command that it was started for. */
  readonly stays: boolean;
}

/**
 * Whether the server at the address is the proxy with this instance id; `false` when it does not answer within `timeoutMs`. Asks at the
 * root: a proxy that is its own upstream would forward a question below a base path to itself, endlessly.
 */
export async function isInstance(
  { origin }: Address,
  instance: string,
  timeoutMs: number = TIMEOUT_MS,
): Promise<boolean> {
  return (await runningProxy({ origin }, timeoutMs))?.instance === instance;
}

/** What a cache-proxy at the address says of itself; `undefined` where there is none. */
export async function runningProxy(
  { origin }: Pick<Address, "origin">,
  timeoutMs: number = TIMEOUT_MS,
): Promise<Partial<Health> | undefined> {
  try {
    const { json } = await ask({ origin, basePath: "" }, `${OWN_PATH}health`, AbortSignal.timeout(timeoutMs));
    const health = json as Partial<Health> | null | undefined;
    return typeof health?.instance === "string" ? health : undefined;
  } catch {
    return undefined;
  }
}

// --- internal ---

const TIMEOUT_MS = 2_000;
