import { formatHeader, formatJson, formatRecord, type LineStyle } from "./log.ts";
import { duration, grouped, roughly } from "./numbers.ts";
import type { RequestRecord } from "./record.ts";
import type { Progress } from "./running.ts";
import { Terminal } from "./terminal.ts";

export interface LinesSettings {
  readonly logFormat: "text" | "json";
  readonly quiet: boolean;
  readonly isTerminal: boolean;
  readonly columns?: () => number | undefined;
  readonly write: (text: string) => void;
}

/** A file is wide enough for a model's whole name. */
const FILE_COLUMNS = 100;
const TERMINAL_COLUMNS = 80;
/** On a terminal the names of the columns come again before they have scrolled away. */
const HEADER_EVERY = 20;

const NO_CACHED_TOKENS =
  "The upstream does not report cached tokens on this endpoint, so cached and evaluated ones stay unknown; newer builds of llama-server do.";

/** Writes the line for each request, in the format that the user chose, and the progress line below them. */
export class RequestLines {
  readonly #settings: LinesSettings;
  readonly #terminal: Terminal;
  #written = 0;
  #hasWarned = false;

  constructor(settings: LinesSettings) {
    this.#settings = settings;
    this.#terminal = new Terminal(settings.write);
  }

  /** Whether there is a place for the progress of a prefill. */
  get showsProgress(): boolean {
    const { isTerminal, quiet, logFormat } = this.#settings;
    return isTerminal && !quiet && logFormat === "text";
  }

  add(record: RequestRecord): void {
    this.#warnOnce(record);
    if (this.#settings.quiet) return;
    if (this.#settings.logFormat === "json") this.#terminal.line(formatJson(record));
    else this.#addRow(record);
  }

  /** Redraws the progress line; none takes it away. */
  showProgress(prefills: readonly Progress[]): void {
    if (this.showsProgress) this.#terminal.status(formatProgress(prefills, this.#style().columns));
  }

  close(): void {
    this.#terminal.status(undefined);
  }

  // --- internal ---

  #addRow(record: RequestRecord): void {
    if (this.#isHeaderDue()) this.#terminal.line(formatHeader(this.#style()));
    this.#terminal.line(formatRecord(record, this.#style()));
    this.#written += 1;
  }

  #isHeaderDue(): boolean {
    return this.#settings.isTerminal ? this.#written % HEADER_EVERY === 0 : this.#written === 0;
  }

  #style(): LineStyle {
    const { isTerminal, columns } = this.#settings;
    return {
      columns: isTerminal ? columns?.() || TERMINAL_COLUMNS : FILE_COLUMNS,
      // https://no-color.org
      colour: isTerminal && !process.env.NO_COLOR,
    };
  }

  #warnOnce(record: RequestRecord): void {
    if (this.#hasWarned || !lacksCachedTokens(record)) return;
    this.#hasWarned = true;
    const { logFormat } = this.#settings;
    const warning = { event: "warning", time: record.time, message: NO_CACHED_TOKENS };
    this.#terminal.line(logFormat === "json" ? JSON.stringify(warning) : NO_CACHED_TOKENS);
  }
}

/** `prefill 12 300 / about 18 000 tokens, 290 tokens/s, about 20 s left`, no wider than the terminal. */
export function formatProgress(prefills: readonly Progress[], columns: number): string | undefined {
  const [first] = prefills;
  if (!first) return undefined;
  const {
    total_tokens_estimate: total,
    evaluated_tokens_per_second: speed,
    seconds_left_estimate: left,
  } = first;
  const parts = [
    `prefill ${grouped(first.done_tokens)}${total === undefined ? "" : ` / about ${grouped(roughly(total))}`} tokens`,
    speed === undefined ? undefined : `${grouped(speed)} tokens/s`,
    left === undefined ? undefined : `about ${duration(left)} left`,
    prefills.length > 1 ? `${prefills.length - 1} more` : undefined,
  ];
  // A line that reaches the edge wraps, and then it cannot be redrawn in place.
  return parts
    .filter(Boolean)
    .join(", ")
    .slice(0, columns - 1);
}

// --- internal ---

function lacksCachedTokens({ status, prompt_tokens, cached_tokens }: RequestRecord): boolean {
  return status === 200 && prompt_tokens !== undefined && cached_tokens === undefined;
}
