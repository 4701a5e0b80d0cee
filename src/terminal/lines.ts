import type { ConsolaInstance } from "consola/core";
import { foreign } from "../format/foreign.ts";
import type { Difference } from "../prefix/difference.ts";
import type { Listener } from "../report/listener.ts";
import type { RequestRecord } from "../report/record.ts";
import type { Running } from "../report/running.ts";
import type { BodyChange } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import type { LogFormat } from "./log.ts";
import type { Output } from "./output.ts";
import { formatProgress } from "./progress-line.ts";
import { formatHeader, formatJson, formatRecord, type RowStyle } from "./row.ts";

export interface LinesSettings {
  readonly output: Output;
  readonly log: ConsolaInstance;
  readonly logFormat: LogFormat;
  /** Warnings only. */
  readonly quiet: boolean;
  /** Also what was changed in each request body. */
  readonly verbose: boolean;
}

/** Wide enough for a model's whole name. */
const FILE_COLUMNS = 100;
/** On a terminal the header is repeated before it has scrolled away. */
const HEADER_EVERY = 20;

const NO_CACHED_TOKENS =
  "the upstream does not report cached tokens on this endpoint, so cached and evaluated tokens stay unknown; newer builds of llama-server report them";

/** Writes one line per request in the format that the user chose and, on a terminal, the progress line below. */
export class RequestLines implements Listener {
  readonly #settings: LinesSettings;
  #rows = 0;
  #hasWarned = false;

  constructor(settings: LinesSettings) {
    this.#settings = settings;
  }

  /** Whether there is a place for the progress of a prefill. */
  get showsProgress(): boolean {
    const { output, quiet, logFormat } = this.#settings;
    return output.isTerminal && !quiet && logFormat === "text";
  }

  rewritten(request: ClientRequest, change: BodyChange): void {
    const { log, verbose, quiet } = this.#settings;
    if (verbose && !quiet) log.withTag("body").log(describeBody(request, change));
  }

  ended(record: RequestRecord): void {
    const { output, logFormat, quiet } = this.#settings;
    this.#warnOnce(record);
    if (quiet) return;
    if (logFormat === "json") output.line(formatJson(record));
    else this.#addRow(record);
  }

  /** Shows the text around the first difference of two requests, below the later one's row. */
  difference({ before, after }: Difference): void {
    const { output } = this.#settings;
    output.line(`  was  ${foreign(before)}`);
    output.line(`  is   ${foreign(after)}`);
  }

  /** Redraws the progress line, or removes it when no prefill reports progress. */
  running(requests: readonly Running[]): void {
    if (!this.showsProgress) return;
    const prefills = requests.flatMap(({ progress }) => progress ?? []);
    this.#settings.output.status(formatProgress(prefills, this.#settings.output.columns));
  }

  // --- internal ---

  #addRow(record: RequestRecord): void {
    const { output } = this.#settings;
    const style: RowStyle = {
      columns: output.isTerminal ? output.columns : FILE_COLUMNS,
      color: output.hasColor,
    };
    if (this.#isHeaderDue()) output.line(formatHeader(style));
    output.line(formatRecord(record, style));
    this.#rows += 1;
  }

  #isHeaderDue(): boolean {
    return this.#settings.output.isTerminal ? this.#rows % HEADER_EVERY === 0 : this.#rows === 0;
  }

  #warnOnce(record: RequestRecord): void {
    if (this.#hasWarned || !lacksCachedTokens(record)) return;
    this.#hasWarned = true;
    this.#settings.log.warn(NO_CACHED_TOKENS);
  }
}

// --- internal ---

/** `POST /v1/messages: 800 to 780 bytes; billing header made constant`. Path and notes hold names that a client chose. */
function describeBody({ method, path }: ClientRequest, { before, after, notes }: BodyChange): string {
  const size = before === after ? `${before} bytes` : `${before} to ${after} bytes`;
  const changes = notes.map((note) => foreign(note, 300)).join("; ") || "nothing to change";
  return `${foreign(method, 20)} ${foreign(path)}: ${size}; ${changes}`;
}

function lacksCachedTokens({ status, prompt_tokens, cached_tokens }: RequestRecord): boolean {
  return status === 200 && prompt_tokens !== undefined && cached_tokens === undefined;
}
