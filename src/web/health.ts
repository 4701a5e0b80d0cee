import type { Address } from "../upstream/address.ts";
import { ask } from "../upstream/ask.ts";
import { OWN_PATH } from "./pages.ts";

/** The answer of `/cache-proxy/health`. */
export interface Health {
  readonly status: "ok";
  /** Random, new in every run. */
  readonly instance: string;
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
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const { json } = await ask({ origin, basePath: "" }, `${OWN_PATH}health`, signal);
    return (json as Partial<Health> | undefined)?.instance === instance;
  } catch {
    return false;
  }
}

// --- internal ---

const TIMEOUT_MS = 2_000;
