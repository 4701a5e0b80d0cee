import { foreign } from "../../../format/foreign.ts";
import { grouped } from "../../../format/numbers.ts";
import { type Finding, note, ok, problem } from "../finding.ts";
import type { Observed } from "../observed.ts";

/** Who answers, whether it can take requests, and whether a session fits into it. */
export function checkServer(observed: Observed): Finding[] {
  const { facts } = observed;
  return [
    reachable(observed),
    ...(observed.status === undefined ? [] : [key(observed), ...loaded(observed)]),
    ...(facts ? [context(facts.context)] : []),
  ];
}

/** Prompt tokens of Claude Code 2.1.332's system prompt and tools: 15 800 to 18 700 with the chat templates of seven model families. */
export const CLIENT_TOKENS = 20_000;
/** What Claude Code keeps free for compaction and for its longest answer; see run/launch.ts. */
const RESERVED_TOKENS = 13_000 + 8_192;
/** With less than this a session is compacted every few turns. */
const COMFORTABLE_TOKENS = 65_536;

// --- internal ---

function reachable(observed: Observed): Finding {
  const id = "server.reachable";
  const { url, cause, addresses } = observed;
  const places = addresses.map(
    ({ address, family, isOpen }) => `${address} (IPv${family}) ${isOpen ? "open" : "closed"}`,
  );
  const where = places.length > 0 ? `${url}: ${places.join(", ")}` : url;
  if (cause !== undefined)
    return problem(
      id,
      `${where}: ${foreign(cause)}`,
      addresses.length === 0
        ? "check the host name in --upstream"
        : "start llama-server, or pass its address and port with --upstream",
    );
  const who = whoAnswers(observed);
  if (who === undefined)
    return problem(
      id,
      `${where}; something answers there, but not like llama-server (status ${observed.status} for /props${observed.software ? `, ${foreign(observed.software, 40)}` : ""})`,
      "pass llama-server's address and port with --upstream",
    );
  if (observed.proxyAsUpstream)
    return note(id, `${where}; ${who}`, "pass the server's own address with --upstream");
  return ok(id, `${where}; ${who}`);
}

function whoAnswers({
  facts,
  status,
  owner,
  isRouter,
  models,
  proxyAsUpstream,
  software,
}: Observed): string | undefined {
  if (proxyAsUpstream)
    return `another cache-proxy, which forwards to ${foreign(proxyAsUpstream.upstream ?? "an unknown server")}`;
  if (isRouter) return `llama-server as a router with ${models.length} models`;
  if (facts)
    return ["llama-server", facts.build, facts.model]
      .filter(Boolean)
      .map((text) => foreign(text!))
      .join(", ");
  if (owner === "llama-swap") return `llama-swap with ${models.length} models`;
  if (software === "llama.cpp") return "llama-server";
  if (status === 401 || status === 503) return "a server that does not say what it is yet";
  return models.length > 0
    ? `a server with the models of another program (${foreign(owner ?? "unknown", 40)})`
    : undefined;
}

function key({ status, hasKey }: Observed): Finding {
  const id = "server.key";
  if (status !== 401 && status !== 403)
    return ok(id, hasKey ? "the key is accepted" : "no API key is needed");
  return hasKey
    ? problem(
        id,
        `the server refuses the key (status ${status})`,
        "set ANTHROPIC_AUTH_TOKEN to the value of llama-server's --api-key",
      )
    : problem(
        id,
        `the server wants an API key (status ${status})`,
        "set ANTHROPIC_AUTH_TOKEN to the value of llama-server's --api-key",
      );
}

function loaded({ status, facts }: Observed): Finding[] {
  const id = "server.loaded";
  if (status === 503)
    return [
      problem(
        id,
        "the model is still loading (status 503)",
        "wait until it is loaded, or use cache-proxy run, which waits",
      ),
    ];
  if (!facts) return [];
  if (facts.sleeping)
    return [
      note(
        id,
        "the server sleeps; the next prompt loads the model again, and everything cached is gone",
        "leave out --sleep-idle-seconds to keep the cache",
      ),
    ];
  return [ok(id, "the model is loaded")];
}

function context(tokens: number | undefined): Finding {
  const id = "server.context";
  const needs = `Claude Code's system prompt and tools take about ${grouped(CLIENT_TOKENS)}, and it keeps ${grouped(RESERVED_TOKENS)} free`;
  if (tokens === undefined) return note(id, `the server does not show its context; ${needs}`);
  const seen = `${grouped(tokens)} tokens of context in each slot; ${needs}`;
  const advice =
    "start llama-server with a larger --ctx-size (it is divided among the slots unless --kv-unified), or fewer slots (--parallel)";
  if (tokens < CLIENT_TOKENS + RESERVED_TOKENS) return problem(id, seen, advice);
  return tokens < COMFORTABLE_TOKENS
    ? note(id, `${seen}, which leaves little for the work`, advice)
    : ok(id, seen);
}
