import { styleText } from "node:util";
import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import type { Output } from "./output.ts";

export type LogFormat = "text" | "json";

/**
 * The logger for everything but the request rows. As text, or as one JSON object per line: `{"event":…,"time":…,"message":…}`, where the
 * event is `warning` for a warning and the tag for everything else. An object that follows the text becomes fields of the JSON object, which
 * then has no `message`.
 *
 * Only the core of consola: its own reporters bring prompts, boxes and a table of CI services, 5 MB and some milliseconds at start.
 */
export function createLog(output: Output, format: LogFormat): ConsolaInstance {
  const written = format === "json" ? asJson : (entry: LogObject) => asText(entry, output.hasColor);
  return createConsola({
    reporters: [{ log: (entry) => output.line(written(entry)) }],
    // Otherwise equal messages within a second are collapsed into one, which comes late.
    throttle: 0,
  });
}

// --- internal ---

function asText({ type, args }: LogObject, hasColor: boolean): string {
  if (type !== "warn") return String(args[0]);
  const label = "warning: ";
  return `${hasColor ? styleText("yellow", label, { validateStream: false }) : label}${args[0]}`;
}

function asJson({ type, tag, args, date }: LogObject): string {
  const [message, fields] = args;
  return JSON.stringify({
    event: type === "warn" ? "warning" : tag,
    time: date,
    ...(fields === undefined ? { message } : fields),
  });
}
