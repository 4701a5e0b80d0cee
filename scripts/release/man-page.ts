import { type Flag, readFlags, readSubcommands, type Subcommand } from "./flags.ts";

/** What the man page says beyond the command's definition. */
export interface ManPageFacts {
  readonly version: string;
  readonly summary: string;
  readonly homepage: string;
  /** The commit's date, so that two builds give the same page. */
  readonly date: Date;
}

/** Renders cache-proxy(1) in mdoc(7), which both groff and mandoc (macOS) read. */
export function manPage(facts: ManPageFacts, flags: readonly Flag[] = readFlags()): string {
  return `${[
    `.Dd ${day(facts.date)}`,
    ".Dt CACHE-PROXY 1",
    `.Os cache-proxy ${roff(facts.version)}`,
    ".Sh NAME",
    ".Nm cache-proxy",
    `.Nd ${roff(facts.summary)}`,
    ".Sh SYNOPSIS",
    ".Nm",
    ...flags.map((flag) => `.Op ${flagMacro(flag)}${flag.repeatable ? " Ns No ..." : ""}`),
    ".Nm",
    ".Cm run",
    ".Op Ar options",
    ".Fl -",
    ".Ar command Op Ar argument ...",
    ".Nm",
    ".Cm doctor",
    ".Op Ar options",
    ".Sh DESCRIPTION",
    ".Nm",
    "listens on a local port and forwards every request to llama-server.",
    "It rewrites what would make llama-server evaluate the same prompt again,",
    "and forwards everything else unchanged.",
    ".Pp",
    "The options are as follows:",
    ".Bl -tag -width Ds",
    ...flags.flatMap(optionItem),
    ".El",
    ".Sh COMMANDS",
    ...readSubcommands().flatMap((subcommand) => subcommandSection(subcommand, flags)),
    ...CLOSING,
    `.Lk ${facts.homepage}`,
  ].join("\n")}\n`;
}

// --- internal ---

const CLOSING = [
  ".Sh EXIT STATUS",
  ".Bl -tag -width Ds",
  ".It 0",
  "A signal stopped it, it printed the help or the version, or doctor found no problem.",
  ".It 1",
  "It could not run (for example, the port is in use), or doctor found a problem.",
  ".It 2",
  "The command line is invalid; the message says what to change.",
  ".It 126 , 127",
  "The command of run is not executable, or was not found.",
  ".It other",
  "run ends with the exit code of its command; 128 and the number of the signal if a signal ended it.",
  ".El",
  ".Sh EXAMPLES",
  "With llama-server on port 8080:",
  ".Pp",
  ".Dl $ cache\\-proxy run \\-\\- claude",
  ".Dl $ cache\\-proxy doctor",
  ".Pp",
  "With a proxy that stays:",
  ".Pp",
  ".Dl $ cache-proxy",
  ".Dl $ ANTHROPIC_BASE_URL=http://127.0.0.1:8081 ANTHROPIC_AUTH_TOKEN=local claude",
  ".Sh SEE ALSO",
];

/** Its own flags, and those whose default or description differs from the flag of the same name without a command. */
function subcommandSection({ name, description, flags }: Subcommand, known: readonly Flag[]): string[] {
  const isKnown = (flag: Flag) => known.some((other) => Bun.deepEquals(other, flag));
  const own = flags.filter((flag) => !isKnown(flag));
  const shared = flags.filter(isKnown).map((flag) => `--${flag.name}`);
  return [
    `.Ss ${roff(name)}`,
    `${roff(description)}.`,
    ...(shared.length > 0 ? [`It takes ${roff(shared.join(", "))} as described above, and:`] : []),
    ".Bl -tag -width Ds",
    ...own.flatMap(optionItem),
    ".El",
  ];
}

function optionItem(flag: Flag): string[] {
  const normal = flag.default === undefined ? [] : [`The default is ${literal(flag.default)}.`];
  const short = flag.short === undefined ? "" : ` , Fl ${flag.short}`;
  return [`.It ${flagMacro(flag)}${short}`, `${roff(flag.description)}.`, ...normal];
}

function flagMacro({ name, value }: Flag): string {
  return `Fl -${name}${value === undefined ? "" : ` Ar ${value}`}`;
}

function literal(text: string): string {
  return `\\fB${roff(text)}\\fR`;
}

/** Escapes backslashes, hyphens, and a leading dot or quote, which roff would interpret. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replace(/^([.'])/, "\\&$1")
    .replaceAll("-", "\\-");
}

function day(date: Date): string {
  return date.toLocaleDateString("en-US", {
    month: "long",
    day: "numeric",
    year: "numeric",
    timeZone: "UTC",
  });
}
