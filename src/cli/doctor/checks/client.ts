import { foreign } from "../../../format/foreign.ts";
import { grouped } from "../../../format/numbers.ts";
import { contextSettings, LEAST_CONTEXT } from "../../run/launch.ts";
import { type Finding, note, ok, problem } from "../finding.ts";
import type { Observed } from "../observed.ts";

/** Claude Code's version, and the settings of its user that work against the cache. */
export function checkClient({ client, facts, url }: Observed): Finding[] {
  return [
    version(client.version),
    baseUrl(client.env, url),
    toolSearch(client.env),
    attribution(client.env),
    contextTokens(client.env, facts?.context),
  ];
}

// --- internal ---

type Environment = Observed["client"]["env"];

/** The oldest one whose requests are tested. */
const TESTED = "2.1.63";

function version(seen: string | undefined): Finding {
  const id = "client.version";
  if (seen === undefined) return note(id, "claude is not in PATH, or does not report its version");
  if (Bun.semver.order(seen, TESTED) < 0)
    return note(id, `Claude Code ${seen}; the oldest version that is tested is ${TESTED}`);
  return ok(id, `Claude Code ${seen}`);
}

function baseUrl(env: Environment, url: string): Finding {
  const id = "client.base-url";
  const { ANTHROPIC_BASE_URL: base } = env;
  const provider = PROVIDERS.find((name) => env[name] !== undefined && !/^(?:|0|false)$/i.test(env[name]!));
  if (provider)
    return problem(
      id,
      `${provider} is set: Claude Code does not use its base URL`,
      "unset it, or use cache-proxy run -- claude, which turns it off",
    );
  if (base === undefined) return ok(id, "ANTHROPIC_BASE_URL is not set; cache-proxy run sets it");
  if (isSame(base, url))
    return problem(
      id,
      `ANTHROPIC_BASE_URL is ${foreign(base)}: Claude Code talks to the server without the proxy`,
      "set it to the proxy's address, or use cache-proxy run -- claude",
    );
  return ok(id, `ANTHROPIC_BASE_URL is ${foreign(base)}`);
}

const PROVIDERS = ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"];

function isSame(one: string, other: string): boolean {
  const plain = (text: string) => text.replace(/\/+$/, "").replace("//127.0.0.1", "//localhost");
  return plain(one) === plain(other);
}

function toolSearch({ ENABLE_TOOL_SEARCH: value }: Environment): Finding {
  const id = "client.tool-search";
  if (value !== undefined && /^(?:0|false|no|off)$/i.test(value))
    return ok(id, "tool search is off: all tools are sent from the start");
  return note(
    id,
    `ENABLE_TOOL_SEARCH is ${value === undefined ? "not set" : foreign(value, 40)}: tools that are loaded later change the head of the prompt`,
    "set ENABLE_TOOL_SEARCH=false, as cache-proxy run does",
  );
}

function attribution({ CLAUDE_CODE_ATTRIBUTION_HEADER: value }: Environment): Finding {
  const id = "client.billing-header";
  if (value !== undefined && /^(?:0|false|no|off)$/i.test(value)) return ok(id, "no billing header is sent");
  return ok(id, "the system prompt starts with a billing header that changes; cache-proxy makes it constant");
}

function contextTokens(env: Environment, context: number | undefined): Finding {
  const id = "client.context";
  const value = env.CLAUDE_CODE_MAX_CONTEXT_TOKENS;
  if (context === undefined) return ok(id, "the server's context is not known");
  const wanted = Object.entries(contextSettings(context)).map((entry) => entry.join("="));
  const advice = wanted.length > 0 ? `set ${wanted.join(" and ")}, as cache-proxy run does` : undefined;
  const tokens = Number(value);
  if (!value || !Number.isFinite(tokens)) {
    const seen = "CLAUDE_CODE_MAX_CONTEXT_TOKENS is not set";
    if (advice === undefined)
      return ok(id, `${seen}; in so small a context it would only make compaction start at once`);
    return note(id, `${seen}: Claude Code guesses the model's context and may compact too late`, advice);
  }
  const seen = `CLAUDE_CODE_MAX_CONTEXT_TOKENS is ${grouped(tokens)}`;
  if (tokens > context)
    return problem(id, `${seen}, but a slot holds ${grouped(context)} tokens`, advice ?? "unset it");
  if (tokens < LEAST_CONTEXT)
    return problem(
      id,
      `${seen}: Claude Code compacts in every turn`,
      advice ?? "unset it, or start llama-server with a larger --ctx-size",
    );
  return ok(id, seen);
}
