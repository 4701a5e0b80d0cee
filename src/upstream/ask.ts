import type { Upstream } from "./upstream.ts";

export interface Asked {
  readonly status: number;
  /** `undefined` where the body is no JSON or the status no success. */
  readonly json: unknown;
}

/**
 * Asks the upstream for something of its own, beside the clients' requests. Rejects where there is no answer. Follows no
 * redirect, and passes by an HTTP_PROXY of the environment, which would take even requests for 127.0.0.1 elsewhere.
 */
export async function ask(upstream: Upstream, path: string, signal: AbortSignal): Promise<Asked> {
  const answer = await fetch(`${upstream.origin}${upstream.basePath}${path}`, {
    signal,
    redirect: "manual",
    keepalive: false,
    proxy: false,
  });
  if (answer.ok) return { status: answer.status, json: await answer.json().catch(() => undefined) };
  await answer.body?.cancel();
  return { status: answer.status, json: undefined };
}
