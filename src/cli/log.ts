import { styleText } from "node:util";
import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import type { Options } from "./options.ts";

/**
 * For all words that nobody asked for: they go to stderr, so that stdout stays free for those that somebody did. As text, or each
 * as one JSON object on a line of its own, `{"event":…,"time":…,"message":…}`: a warning's event is `warning`, another's is its tag.
 *
 * Of consola the core: its own reporters bring prompts, boxes and a table of CI services, which cost 5 MB and some milliseconds of the start.
 */
export function createLog(format: Options["logFormat"]): ConsolaInstance {
  const written = format === "json" ? asJson : asText;
  return createConsola({ reporters: [{ log: (entry) => void process.stderr.write(`${written(entry)}\n`) }] });
}

// --- internal ---

/** Coloured on a terminal, unless NO_COLOR is set. */
const WARNING = styleText("yellow", "warning: ", { stream: process.stderr });

function asText({ type, args }: LogObject): string {
  return `${type === "warn" ? WARNING : ""}${args.join(" ")}`;
}

function asJson({ type, tag, args, date }: LogObject): string {
  return JSON.stringify({ event: type === "warn" ? "warning" : tag, time: date, message: args.join(" ") });
}
