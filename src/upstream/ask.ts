import { type Address, urlOf } from "./address.ts";
import { causeOf } from "./cause.ts";
import { fetchPlainly } from "./fetch.ts";

export interface Asked {
  readonly status: number;
  readonly headers: Headers;
  /** `undefined` where the body is not JSON, is too large, or the status is not a success. */
  readonly json: unknown;
  /** `undefined` where the body is too large, or the status is not a success. */
  readonly text: string | undefined;
}

/** A `/props` with the longest chat template is about 60 KB; a larger answer is not llama-server's. */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * Asks the upstream a question of our own, apart from the clients' requests: with GET, or with POST if `question` is given. Rejects where there is no answer. Follows no
 * redirect, and ignores HTTP_PROXY in the environment, which would send even requests for 127.0.0.1 elsewhere.
 */
export async function ask(
  address: Address,
  path: string,
  signal: AbortSignal,
  headers: Headers = new Headers(),
  question?: unknown,
): Promise<Asked> {
  const answer = await fetchPlainly(`${urlOf(address)}${path}`, {
    ...(question !== undefined && { method: "POST", body: JSON.stringify(question) }),
    headers,
    signal,
  });
  const text = answer.ok ? await readText(answer) : await answer.body?.cancel();
  return {
    status: answer.status,
    headers: answer.headers,
    json: parsed(text ?? ""),
    text: text ?? undefined,
  };
}

/** The same, but never rejects: without an answer within `timeoutMs` it resolves with the cause in words. */
export async function askOrCause(
  address: Address,
  path: string,
  headers: Headers,
  timeoutMs = 5_000,
): Promise<Asked | { readonly cause: string }> {
  try {
    return await ask(address, path, AbortSignal.timeout(timeoutMs), headers);
  } catch (error) {
    return { cause: causeOf(error) };
  }
}

// --- internal ---

/** Gives up an endless body instead of filling the memory with it. */
async function readText({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
