import { styleText } from "node:util";
import { createConsola } from "consola/core";

/**
 * For all words that nobody asked for: they go to stderr, so that stdout stays free for those that somebody did. Of consola
 * the core: its own reporters bring prompts, boxes and a table of CI services, which cost 5 MB and some milliseconds of the start.
 */
export const log = createConsola({
  reporters: [
    { log: ({ type, args }) => process.stderr.write(`${type === "warn" ? WARNING : ""}${args.join(" ")}\n`) },
  ],
});

// --- internal ---

/** Coloured on a terminal, unless NO_COLOR is set. */
const WARNING = styleText("yellow", "warning: ", { stream: process.stderr });
