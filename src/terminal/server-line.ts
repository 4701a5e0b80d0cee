import { foreign } from "../format/foreign.ts";
import { grouped } from "../format/numbers.ts";
import type { ServerFacts } from "../upstream/props.ts";
import type { ServerView } from "../upstream/watch.ts";

/** What of a server is described. */
type DescribedFacts = Pick<ServerFacts, "build" | "model" | "slots" | "context">;

/** What the server is: `["llama-server b10434, Qwen3-Coder-30B", "1 slot, 131 072 tokens of context"]`, or its state in one line. */
export function describeServer(server: ServerView): string[] {
  switch (server.state) {
    case "unknown":
      return ["not asked yet"];
    case "lost":
      return [`does not answer (${foreign(server.cause ?? "unknown cause")})`];
    case "loading":
      return ["llama-server is loading its model"];
    case "other":
      return [`answers, but not like llama-server: no /props (status ${server.status})`];
    case "ready":
      return describeFacts(server);
  }
}

/** For a change: the server is back, has gone, or is another one. One line, and for a server that is ready a second one with its size. */
export function formatServer(server: ServerView): string[] {
  const [first = "", ...rest] = describeServer(server);
  if (server.state === "ready") return [`${first} is ${server.sleeping ? "asleep" : "ready"}`, ...rest];
  return [server.state === "loading" ? first : `the upstream ${first}`];
}

/** Who the server is, and how much it holds: one or two lines that usually fit into 80 columns. */
export function describeFacts({ build, model, slots, context }: DescribedFacts): string[] {
  const who = [
    build === undefined ? "llama-server" : `llama-server ${foreign(build, 40)}`,
    model === undefined ? undefined : foreign(model),
  ];
  const size = [
    slots === undefined ? undefined : `${slots} ${slots === 1 ? "slot" : "slots"}`,
    context === undefined ? undefined : `${grouped(context)} tokens of context`,
  ];
  return [who, size].map((parts) => parts.filter((part) => part !== undefined).join(", ")).filter(Boolean);
}
