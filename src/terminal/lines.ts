import type { ConsolaInstance } from "consola/core";
import { foreign } from "../format/foreign.ts";
import { clockTime } from "../format/numbers.ts";
import type { Difference } from "../prefix/difference.ts";
import type { Listener } from "../report/listener.ts";
import type { RequestRecord } from "../report/record.ts";
import type { Running } from "../report/running.ts";
import type { BodyChange } from "../request/observer.ts";
import type { ClientRequest } from "../request/request.ts";
import type { ServerView } from "../upstream/watch.ts";
import type { LogFormat } from "./log.ts";
import type { Output } from "./output.ts";
import { formatProgress } from "./progress-line.ts";
import { Repeats } from "./repeats.ts";
import { formatContinuation, formatHeader, formatJson, formatRecord, type RowStyle } from "./row.ts";
import { formatServer } from "./server-line.ts";

export interface LinesSettings {
  readonly output: Output;
  readonly log: ConsolaInstance;
  readonly logFormat: LogFormat;
  /** Warnings only. */
  readonly quiet: boolean;
  /** Also what was changed in each request body. */
  readonly verbose: boolean;
}

/** Wide enough for every column and a note. */
const FILE_COLUMNS = 120;
/** On a terminal the header is repeated before it has scrolled away. */
const HEADER_EVERY = 20;
/** The clock of the progress line, milliseconds. */
const TICK_MS = 1_000;

/** The endpoint that needs no name. */
const CLAUDE_ENDPOINT = "/v1/messages";

const NO_CACHED_TOKENS =
  "the upstream does not report cached tokens on this endpoint, so cached and evaluated tokens stay unknown; newer builds of llama-server report them";

/** Writes one line per request in the format that the user chose and, on a terminal, the progress line below. */
export class RequestLines implements Listener {
  readonly #settings: LinesSettings;
  readonly #repeats = new Repeats();
  /** What was changed in the requests that are running, by id: it is written below their rows. */
  readonly #changes = new Map<number, string>();
  /** The last model by sender: side requests often name another one. */
  readonly #models = new Map<string, string>();
  #running: readonly Running[] = [];
  #ticks: ReturnType<typeof setInterval> | undefined;
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

  rewritten(request: ClientRequest, change: BodyChange, id?: number): void {
    const { log, verbose, quiet, logFormat } = this.#settings;
    if (!verbose || quiet) return;
    if (logFormat === "json") log.withTag("body").log("", bodyFields(request, change, id));
    else if (id === undefined) log.withTag("body").log(`${target(request)}: ${describeBody(change)}`);
    else this.#changes.set(id, describeBody(change));
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

  /** Redraws the progress line, or removes it when nothing takes long. */
  running(requests: readonly Running[]): void {
    if (!this.showsProgress) return;
    this.#running = requests;
    if (requests.length === 0) this.#stopTicks();
    else if (!this.#ticks) {
      this.#ticks = setInterval(() => this.#draw(), TICK_MS);
      this.#ticks.unref();
    }
    this.#draw();
  }

  server(now: ServerView): void {
    const { log, logFormat, quiet } = this.#settings;
    const isDown = now.state === "lost";
    if (quiet && !isDown) return;
    this.#flushRepeats();
    if (logFormat === "json") log.withTag("upstream").log("", { ...now });
    else if (isDown) log.warn(`${formatServer(now)[0]}; requests get 502`);
    else this.#addServer(formatServer(now));
  }

  /** Writes what was held back. */
  flush(): void {
    this.#flushRepeats();
  }

  // --- internal ---

  #draw(): void {
    const { output } = this.#settings;
    const progress = formatProgress(this.#running, output.columns, Date.now());
    output.status(progress ?? this.#repeats.words?.slice(0, output.columns - 1));
  }

  #stopTicks(): void {
    clearInterval(this.#ticks);
    this.#ticks = undefined;
  }

  #addServer([state = "", ...facts]: readonly string[]): void {
    this.#settings.output.line(`${clockTime(new Date().toISOString())} ${state}`);
    for (const fact of facts) this.#continuation(fact);
  }

  #addRow(record: RequestRecord): void {
    if (this.#repeats.isDue) this.#flushRepeats();
    if (this.#repeats.add(record)) {
      this.#changes.delete(record.id);
      return;
    }
    this.#flushRepeats();
    this.#repeats.start(record);
    const { output } = this.#settings;
    if (this.#isHeaderDue()) output.line(formatHeader(this.#style));
    output.line(formatRecord(record, this.#style, this.#remark(record)));
    this.#rows += 1;
    this.#continueRow(record);
  }

  #continueRow({ id, session }: RequestRecord): void {
    const change = this.#changes.get(id);
    if (change === undefined) return;
    this.#changes.delete(id);
    this.#continuation([session?.slice(0, 4), change].filter(Boolean).join(" "));
  }

  #flushRepeats(): void {
    const words = this.#repeats.take();
    if (words === undefined) return;
    this.#continuation(words);
    if (this.showsProgress) this.#draw();
  }

  #continuation(text: string): void {
    // In a file one event is one line, for grep.
    const { output } = this.#settings;
    const style = output.isTerminal ? this.#style : { ...this.#style, columns: Number.POSITIVE_INFINITY };
    output.line(formatContinuation(text, style));
  }

  /** The model's name where it is new: it is the client's name for it, and rarely changes. */
  #remark({ agent, endpoint, model }: RequestRecord): string {
    if (model === undefined) return endpoint === CLAUDE_ENDPOINT ? "" : endpoint;
    if (this.#models.get(agent ?? "") === model) return "";
    this.#models.set(agent ?? "", model);
    return foreign(model.replace(/^claude-/, ""), 40);
  }

  get #style(): RowStyle {
    const { output } = this.#settings;
    return { columns: output.isTerminal ? output.columns : FILE_COLUMNS, color: output.hasColor };
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

/** `800 to 780 bytes: billing header made constant`. Notes hold names that a client chose. */
function describeBody({ before, after, notes }: BodyChange): string {
  const size = before === after ? `${before} bytes` : `${before} to ${after} bytes`;
  const changes = notes.map((note) => foreign(note, 300)).join("; ") || "nothing to change";
  return `${changes} (${size})`;
}

function target({ method, path }: ClientRequest): string {
  return `${foreign(method, 20)} ${foreign(path)}`;
}

function bodyFields(
  { method, path }: ClientRequest,
  { before, after, notes }: BodyChange,
  id: number | undefined,
): Record<string, unknown> {
  return {
    ...(id !== undefined && { id }),
    method: foreign(method, 20),
    path: foreign(path),
    bytes_before: before,
    bytes_after: after,
    notes: notes.map((note) => foreign(note, 300)),
  };
}

function lacksCachedTokens({ status, prompt_tokens, cached_tokens }: RequestRecord): boolean {
  return status === 200 && prompt_tokens !== undefined && cached_tokens === undefined;
}
