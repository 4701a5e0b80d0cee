import { CONVERSATION_HEADER } from "../../request/conversation.ts";
import type { Address } from "../../upstream/address.ts";
import { ask } from "../../upstream/ask.ts";
import { factsOf } from "../../upstream/props.ts";
import { Replicas } from "../../upstream/replicas.ts";
import { readLastTask } from "../../upstream/slots.ts";
import type { ReplicasSeen } from "./observed.ts";

/**
 * Finds out whether a balancer with several servers answers. Asks the same questions for several conversations, one at a time, since a
 * balancer sends different conversations, or just every second question, to different servers.
 */
export async function probeReplicas(
  upstream: Address,
  headers: Headers,
  replicaHeader: string,
): Promise<ReplicasSeen> {
  const replicas = new Replicas(replicaHeader);
  const [starts, identities] = [new Set<string>(), new Set<string>()];
  const tasks: number[] = [];
  let gateway: string | undefined;
  const signal = AbortSignal.timeout(LONGEST_MS);
  try {
    // One path after the other: a balancer that takes its servers in turn could send all questions for one path to the same server.
    for (const path of ["/metrics", "/props", "/slots"]) {
      for (let conversation = 0; conversation < CONVERSATIONS; conversation++) {
        const own = new Headers(headers);
        own.set(CONVERSATION_HEADER, `doctor-${conversation}`);
        const answer = await ask(upstream, path, signal, own);
        replicas.note(undefined, answer.headers);
        gateway ??= gatewayOf(answer.headers);
        const start = answer.headers.get("process-start-time-unix");
        if (start !== null) starts.add(start);
        const identity = path === "/props" ? factsOf(answer.json)?.identity : undefined;
        if (identity !== undefined) identities.add(identity);
        const task = path === "/slots" ? readLastTask(answer.json) : undefined;
        if (task !== undefined) tasks.push(task);
      }
    }
  } catch {
    // What was seen until then counts.
  }
  return {
    names: replicas.names,
    header: replicaHeader,
    gateway,
    processes: Math.max(starts.size, identities.size, goesBack(tasks) ? 2 : 1),
    kinds: identities.size,
  };
}

// --- internal ---

/** With two servers that get half of the conversations each, all of them are on the same one in 1 of 128 cases. */
const CONVERSATIONS = 8;

/** For all questions; a busy llama-server answers between two batches. */
const LONGEST_MS = 8_000;

/** Programs that replace llama-server's `Server` header by their own. HAProxy leaves no trace in an answer. */
const GATEWAYS = /\b(?:apache|caddy|cloudflare|envoy|haproxy|nginx|openresty|traefik)\b/i;

/** The program in front of the server, if it says that it is there. https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3 */
function gatewayOf(headers: Headers): string | undefined {
  const named = GATEWAYS.exec(`${headers.get("server")} ${headers.get("via")}`)?.[0];
  return named?.toLowerCase() ?? headers.get("via") ?? undefined;
}

/** In one server, the highest task id only grows. */
function goesBack(tasks: readonly number[]): boolean {
  return tasks.some((task, at) => at > 0 && task < tasks[at - 1]!);
}
