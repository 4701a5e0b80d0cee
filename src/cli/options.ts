import { isIP } from "node:net";
import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import pkg from "../../package.json" with { type: "json" };
import type { Address } from "../upstream/address.ts";
import { REPLICA_HEADER } from "../upstream/replicas.ts";

/** The checked options. The rest of the program reads these; nothing else reads argv. */
export interface Options {
  readonly port: number;
  readonly host: string;
  readonly upstream: Address;
  readonly replicaHeader: string;
  readonly allowHosts: readonly string[];
  readonly systemTurns: "fold" | "keep";
  readonly tools: "stable" | "keep";
  readonly projectParagraphs: "move" | "keep";
  readonly warm: "auto" | "off";
  readonly remember: "on" | "off";
  readonly explain: "cause" | "text";
  readonly logFormat: "text" | "json";
  readonly verbose: boolean;
  readonly quiet: boolean;
}

/** The one table of flags and defaults: help, man page and completions are rendered from it. */
export const ARGS = {
  port: {
    type: "string",
    default: "8081",
    valueHint: "port",
    description: "Port to listen on; 0 picks a free one",
  },
  host: { type: "string", default: "127.0.0.1", valueHint: "address", description: "Address to listen on" },
  upstream: {
    type: "string",
    default: "http://localhost:8080",
    valueHint: "url",
    description: "llama-server to forward to; http or https, may have a base path",
  },
  "replica-header": {
    type: "string",
    default: REPLICA_HEADER,
    valueHint: "name",
    description: "Answer header in which a load balancer names the llama-server that answered",
  },
  "allow-host": {
    type: "string",
    valueHint: "name",
    description: "Also accept requests for this host name (may be repeated)",
  },
  "system-turns": {
    type: "enum",
    options: ["fold", "keep"],
    default: "fold",
    description: "Fold system turns in the message list into the turns next to them, or keep them",
  },
  "project-paragraphs": {
    type: "enum",
    options: ["move", "keep"],
    default: "move",
    description:
      "Move the paragraphs that name the project from the head of the prompt into the first user turn, or keep them",
  },
  tools: {
    type: "enum",
    options: ["stable", "keep"],
    default: "stable",
    description:
      "Keep each session's tools in the order of their first appearance, or as the client sends them",
  },
  warm: {
    type: "enum",
    options: ["auto", "off"],
    default: "auto",
    description: "Evaluate what the next request is known to contain while the server is idle, or never",
  },
  remember: {
    type: "enum",
    options: ["on", "off"],
    default: "on",
    description:
      "Keep the start of each project's prompt (system prompt, tools, reminders) on disk, for the first request of a day",
  },
  forget: { type: "boolean", description: "Remove all that --remember keeps on disk, and exit" },
  explain: {
    type: "enum",
    options: ["cause", "text"],
    default: "cause",
    description:
      "Show why a prompt was evaluated again: the cause, or on a terminal also the text around the first difference",
  },
  "log-format": {
    type: "enum",
    options: ["text", "json"],
    default: "text",
    description: "Format of the log on stderr, one line per inference request",
  },
  verbose: {
    type: "boolean",
    description: "Also log what was changed in each request body, and internal errors",
  },
  quiet: { type: "boolean", description: "Print warnings and errors only" },
  help: { type: "boolean", alias: "h", description: "Print this help" },
  version: { type: "boolean", description: "Print the version" },
} as const satisfies ArgsDef;

export const version: string = pkg.version;

/** Wrong usage of the command: the message is one line for the user, the exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Reads the arguments, without the program's own name; "help", "version" and "forget" win over everything else. Throws a `UsageError` with the
 * value seen and the values allowed.
 */
export function readOptions(argv: readonly string[]): Options | "help" | "version" | "forget" {
  const flags = parseFlags(argv, ARGS);
  if (flags.help) return "help";
  if (flags.version) return "version";
  if (flags.forget) return "forget";
  return Object.freeze(optionsFrom(flags));
}

/** The values of the flags by name, as they were given or by default. */
export type Flags = Readonly<Record<string, unknown>>;

/** Checks the values of the flags in `ARGS`. Throws a `UsageError`. */
export function optionsFrom(flags: Flags): Options {
  const text = (name: keyof typeof ARGS): string => String(flags[name]);
  return {
    port: readPort(text("port")),
    host: readHost(text("host")),
    upstream: readUpstream(text("upstream")),
    replicaHeader: readHeaderName(text("replica-header")),
    allowHosts: ((flags["allow-host"] ?? []) as string[]).map((name) => readAllowedHost(name)),
    systemTurns: readChoice("system-turns", text("system-turns")) as Options["systemTurns"],
    tools: readChoice("tools", text("tools")) as Options["tools"],
    projectParagraphs: readChoice(
      "project-paragraphs",
      text("project-paragraphs"),
    ) as Options["projectParagraphs"],
    warm: readChoice("warm", text("warm")) as Options["warm"],
    remember: readChoice("remember", text("remember")) as Options["remember"],
    explain: readChoice("explain", text("explain")) as Options["explain"],
    logFormat: readChoice("log-format", text("log-format")) as Options["logFormat"],
    verbose: flags.verbose === true,
    quiet: flags.quiet === true,
  };
}

/**
 * Reads flags by a table such as `ARGS`. Uses node:util's parser in strict mode: citty's own ignores unknown flags (`--prot=5` would keep
 * 8081). Throws a `UsageError`.
 */
export function parseFlags(argv: readonly string[], table: ArgsDef): Flags {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, arg]) => [
      name,
      {
        type: arg.type === "boolean" ? ("boolean" as const) : ("string" as const),
        multiple: name === "allow-host",
        ...("alias" in arg ? { short: String(arg.alias) } : {}),
        ...("default" in arg ? { default: arg.default as string } : {}),
      },
    ]),
  );
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // Only the first sentence: the rest of node's text explains positional arguments, which this command does not have.
    const [reason = ""] = (error as Error).message.split(/\.\s|\n/);
    // A value that starts with a dash is read as the next flag, unless "=" precedes it.
    throw new UsageError(
      `${reason.replace("argument is ambiguous", "has no value")}; see --help for the flags`,
    );
  }
}

/** Reads `--port`. Throws a `UsageError`. */
export function readPort(value: string): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65535) return port;
  throw new UsageError(`--port ${show(value)}: must be a whole number from 0 to 65535`);
}

/** Reads `--upstream`. Throws a `UsageError`. */
export function readUpstream(value: string): Address {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UsageError(
      `--upstream ${show(value)}: must be a URL such as http://host:port or https://host:port`,
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    // The value is not shown: it may hold a password.
    throw new UsageError(
      "--upstream must be http(s)://host:port/path, without user name, password, query or fragment",
    );
  }
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, "") };
}

/** Reads `--replica-header`. Throws a `UsageError`. */
export function readHeaderName(value: string): string {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(value)) return value;
  throw new UsageError(`--replica-header ${show(value)}: must be the name of a header`);
}

// --- internal ---

/** Accepts bare names and addresses only; an IPv6 address may have brackets. */
function readHost(value: string): string {
  const host = value.replace(/^\[(.*)\]$/, "$1");
  if (/^[A-Za-z0-9.:_%-]+$/.test(host)) return host;
  throw new UsageError(`--host ${show(value)}: must be an IP address or a host name`);
}

function readAllowedHost(value: string): string {
  const name = value
    .toLowerCase()
    .replace(/\.$/, "")
    .replace(/^\[(.*)\]$/, "$1");
  if (isIP(name) !== 0 || /^[a-z0-9._-]+$/.test(name)) return name;
  throw new UsageError(`--allow-host ${show(value)}: must be a host name or address without scheme and port`);
}

function readChoice(
  name: "system-turns" | "project-paragraphs" | "tools" | "warm" | "remember" | "explain" | "log-format",
  value: string,
): string {
  const { options } = ARGS[name];
  if ((options as readonly string[]).includes(value)) return value;
  throw new UsageError(`--${name} ${show(value)}: must be ${options.join(" or ")}`);
}

function show(value: string): string {
  return JSON.stringify(value);
}
