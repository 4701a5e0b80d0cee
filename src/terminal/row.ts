import { styleText } from "node:util";
import { clockTime } from "../format/numbers.ts";
import { type Cause, phraseOf } from "../report/cause.ts";
import type { RequestRecord } from "../report/record.ts";

/** How rows are drawn. */
export interface RowStyle {
  /** Width of the terminal; from 80 on a row fits on one line. */
  readonly columns: number;
  readonly color: boolean;
}

type Style = Parameters<typeof styleText>[0];

/** A column of the table; an unknown value leaves it empty. */
interface Column {
  readonly title: string;
  readonly width: number;
  /** Right-aligned, for numbers. */
  readonly right?: boolean;
  readonly text: (record: RequestRecord) => string | undefined;
  readonly style?: (record: RequestRecord) => Style | undefined;
}

/** The model gets the width that the other columns leave, minus one: a terminal wraps a line that fills its last column. */
const MODEL_WIDTH = { least: 6, most: 24 };
/** With fewer evaluated tokens a low share means a short prompt, not a lost cache. */
const WORTH_A_COLOR = 1000;

/** The row for one request, aligned with `formatHeader`; only a long ending may shift its numbers to the left. */
export function formatRecord(record: RequestRecord, style: RowStyle): string {
  const columns = columnsFor(style);
  const texts = columns.map((column) => fit(column.text(record) ?? "", column));
  const cells = squeezed(texts, style.columns - 1).map((text, index) => {
    const paint = style.color ? columns[index]?.style?.(record) : undefined;
    return paint ? styleText(paint, text, { validateStream: false }) : text;
  });
  return cells.join(" ").trimEnd();
}

/** The names of the columns. */
export function formatHeader(style: RowStyle): string {
  const cells = columnsFor(style).map((column) => fit(column.title, column));
  const text = cells.join(" ").trimEnd();
  return style.color ? styleText("dim", text, { validateStream: false }) : text;
}

/** The record as one JSON object on one line, marked with `"event":"request"`. */
export function formatJson(record: RequestRecord): string {
  return JSON.stringify({ event: "request", ...record });
}

/** A duration in at most five characters, up to 9999 hours: `0.04s`, `12.3s`, `123s`, `45m`, `12h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.995) return `${seconds.toFixed(2)}s`;
  if (seconds < 99.95) return `${seconds.toFixed(1)}s`;
  if (seconds < 999.5) return `${seconds.toFixed(0)}s`;
  return seconds < 60_000 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}

// --- internal ---

const COLUMNS: readonly Column[] = [
  {
    title: "time",
    width: 8,
    text: ({ time }) => clockTime(time),
    style: () => "dim",
  },
  { title: "id", width: 4, text: ({ session }) => session?.slice(0, 4) },
  { title: "from", width: 4, text: ({ agent }) => (agent === "subagent" ? "sub" : agent) },
  { title: "model", width: 0, text: ({ model, endpoint }) => model ?? endpoint },
  { title: "prompt", width: 6, right: true, text: ({ prompt_tokens }) => whole(prompt_tokens) },
  { title: "cached", width: 6, right: true, text: ({ cached_tokens }) => whole(cached_tokens) },
  { title: "eval", width: 6, right: true, text: ({ evaluated_tokens }) => whole(evaluated_tokens) },
  { title: "hit", width: 4, right: true, text: (record) => percent(share(record)), style: shareStyle },
  { title: "first", width: 5, right: true, text: ({ first_token_ms }) => seconds(first_token_ms) },
  { title: "ev/s", width: 4, right: true, text: (record) => short(record.evaluated_tokens_per_second) },
  { title: "out", width: 5, right: true, text: ({ output_tokens }) => whole(output_tokens) },
  { title: "total", width: 5, right: true, text: ({ total_ms }) => seconds(total_ms) },
  { title: "end", width: 3, text: ending, style: endingStyle },
];

function columnsFor({ columns }: RowStyle): readonly Column[] {
  const others = COLUMNS.reduce((sum, { width }) => sum + width + 1, 0);
  const width = Math.min(MODEL_WIDTH.most, Math.max(MODEL_WIDTH.least, columns - others));
  return COLUMNS.map((column) => (column.width === 0 ? { ...column, width } : column));
}

/** The last column may be longer than its width: nothing follows it. */
function fit(text: string, { title, width, right }: Column): string {
  if (title === "end" || text.length <= width) return right ? text.padStart(width) : text.padEnd(width);
  const short = text.replace(/^claude-/, "");
  return short.length > width ? `${short.slice(0, width - 1)}…` : short.padEnd(width);
}

/** Removes padding from the last cells first until the row fits into `columns`, or until no padding is left. */
function squeezed(cells: readonly string[], columns: number): string[] {
  let over = cells.join(" ").length - columns;
  return cells
    .toReversed()
    .map((cell) => {
      const blanks = Math.min(cell.length - cell.trim().length, Math.max(0, over));
      over -= blanks;
      return cell.startsWith(" ") ? cell.slice(blanks) : cell.slice(0, cell.length - blanks);
    })
    .toReversed();
}

function whole(count: number | undefined): string | undefined {
  return count === undefined ? undefined : String(Math.round(count));
}

function short(count: number | undefined): string | undefined {
  if (count === undefined) return undefined;
  return count < 9999.5 ? count.toFixed(0) : `${Math.round(count / 1000)}k`;
}

function seconds(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : formatSeconds(milliseconds / 1000);
}

function share({ cached_tokens, prompt_tokens }: RequestRecord): number | undefined {
  return cached_tokens !== undefined && prompt_tokens ? cached_tokens / prompt_tokens : undefined;
}

/** Rounded down, so that only a full share reads 100%. */
function percent(part: number | undefined): string | undefined {
  return part === undefined ? undefined : `${Math.floor(part * 100)}%`;
}

function shareStyle(record: RequestRecord): Style | undefined {
  const part = share(record);
  if (part === undefined || (record.evaluated_tokens ?? 0) < WORTH_A_COLOR) return undefined;
  return part >= 0.9 ? "green" : part >= 0.5 ? "yellow" : "red";
}

/** The status, followed by what went wrong or by why known tokens were evaluated again, if anything. */
function ending({ status, outcome, error_type, cause }: RequestRecord): string {
  return [status, ENDINGS[outcome], error_type, cause && shortCause(cause)].filter(Boolean).join(" ");
}

/** Long enough for some names of tools. */
const CAUSE_WIDTH = 48;

function shortCause(cause: Cause): string {
  const phrase = phraseOf(cause);
  return phrase.length > CAUSE_WIDTH ? `${phrase.slice(0, CAUSE_WIDTH - 1)}…` : phrase;
}

const ENDINGS = { complete: undefined, unreachable: "unreachable", broken: "broken", client_gone: "gone" };

function endingStyle({ status, outcome, error_type }: RequestRecord): Style | undefined {
  if (outcome === "client_gone") return "dim";
  return outcome !== "complete" || error_type || (status ?? 0) >= 400 ? "red" : undefined;
}
