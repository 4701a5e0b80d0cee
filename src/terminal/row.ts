import { styleText } from "node:util";
import { failureOf, failureWords } from "../format/failure.ts";
import { clockTime } from "../format/numbers.ts";
import { wrapped } from "../format/wrapped.ts";
import { phraseOf } from "../report/cause.ts";
import type { RequestRecord } from "../report/record.ts";

/** How rows are drawn. */
export interface RowStyle {
  /** Width of the terminal; a narrow one has fewer columns. */
  readonly columns: number;
  readonly color: boolean;
}

type Style = Parameters<typeof styleText>[0];

/** A column of the table; an unknown value leaves it empty. */
interface Column {
  readonly title: string;
  readonly width: number;
  /** Columns with a higher rank leave first when the terminal is narrow. */
  readonly rank: number;
  /** Right-aligned, for numbers. */
  readonly right?: boolean;
  readonly text: (record: RequestRecord) => string | undefined;
  readonly style?: (record: RequestRecord) => Style | undefined;
}

/** Room for a note such as `unreachable` or `new project`; a longer one takes the room of empty figures. */
const NOTE_WIDTH = 15;
/** With fewer evaluated tokens a low share means a short prompt, not a lost cache. */
const WORTH_A_COLOR = 1000;

/**
 * The row for one request, aligned with `formatHeader`; only a long note may shift its numbers to the left. The note says why a request
 * was not answered, or else is `remark`.
 */
export function formatRecord(record: RequestRecord, style: RowStyle, remark = ""): string {
  const columns = columnsFor(style);
  const texts = columns.map((column) => fit(column.text(record) ?? "", column));
  const note = failureWords(record) || (record.cause ? phraseOf(record.cause) : remark);
  const cells = squeezed([...texts, note], style.columns - 1).map((text, index) => {
    const paint = columns[index] ? columns[index].style : noteStyle;
    return painted(text, paint?.(record), style);
  });
  return cells.join(" ").trimEnd();
}

/** The names of the columns. */
export function formatHeader(style: RowStyle): string {
  const cells = columnsFor(style).map((column) => fit(column.title, column));
  return painted(cells.join(" ").trimEnd(), "dim", style);
}

/** Continues the row above: `         └ a1b2 billing header made constant`, wrapped between words. */
export function formatContinuation(text: string, style: RowStyle): string {
  const indent = " ".repeat(11);
  const lines = wrapped(text, style.columns - 1 - indent.length);
  const first = `${" ".repeat(9)}└ ${lines[0]}`;
  return painted([first, ...lines.slice(1).map((line) => indent + line)].join("\n"), "dim", style);
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
  { title: "time", width: 8, rank: 0, text: ({ time }) => clockTime(time), style: () => "dim" },
  { title: "session", width: 7, rank: 3, text: ({ session }) => session?.slice(0, 4) },
  { title: "from", width: 4, rank: 4, text: from },
  { title: "prompt", width: 6, rank: 1, right: true, text: ({ prompt_tokens }) => whole(prompt_tokens) },
  { title: "cached", width: 6, rank: 6, right: true, text: ({ cached_tokens }) => whole(cached_tokens) },
  { title: "evaluated", width: 9, rank: 0, right: true, text: (record) => whole(evaluated(record)) },
  {
    ...{ title: "share", width: 5, rank: 0, right: true },
    text: (record) => percent(share(record)),
    style: shareStyle,
  },
  {
    ...{ title: "first token", width: 11, rank: 2, right: true },
    text: ({ first_token_ms }) => seconds(first_token_ms),
  },
  {
    ...{ title: "tokens/s", width: 8, rank: 7, right: true },
    text: ({ evaluated_tokens_per_second }) => whole(evaluated_tokens_per_second),
  },
  { title: "output", width: 6, rank: 8, right: true, text: ({ output_tokens }) => whole(output_tokens) },
  { title: "total", width: 5, rank: 5, right: true, text: ({ total_ms }) => seconds(total_ms) },
];

/** As many columns as fit next to a note; a terminal wraps a line that fills its last column. */
function columnsFor({ columns }: RowStyle): readonly Column[] {
  const byRank = COLUMNS.toSorted((a, b) => a.rank - b.rank);
  let room = columns - 1 - NOTE_WIDTH;
  const shown = new Set<Column>();
  for (const column of byRank) {
    room -= column.width + 1;
    if (room < 0 && column.rank > 0) break;
    shown.add(column);
  }
  return COLUMNS.filter((column) => shown.has(column));
}

function fit(text: string, { width, right }: Column): string {
  const short = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  return right ? short.padStart(width) : short.padEnd(width);
}

/** Removes padding from the last cells first until the row fits into `columns`; what is still too long is cut. */
function squeezed(cells: readonly string[], columns: number): string[] {
  let over = cells.join(" ").length - columns;
  const narrow = cells
    .toReversed()
    .map((cell) => {
      const blanks = Math.min(cell.length - cell.trim().length, Math.max(0, over));
      over -= blanks;
      return cell.startsWith(" ") ? cell.slice(blanks) : cell.slice(0, cell.length - blanks);
    })
    .toReversed();
  const last = narrow.pop() ?? "";
  return [...narrow, over > 0 ? `${last.slice(0, Math.max(0, last.length - over - 1))}…` : last];
}

function painted(text: string, paint: Style | undefined, { color }: RowStyle): string {
  return color && paint && text ? styleText(paint, text, { validateStream: false }) : text;
}

function from({ agent }: RequestRecord): string | undefined {
  return agent === "subagent" ? "sub" : agent;
}

/** Also of a client that left before the answer. */
function evaluated({ evaluated_tokens, abandoned_tokens }: RequestRecord): number | undefined {
  return evaluated_tokens ?? abandoned_tokens;
}

function whole(count: number | undefined): string | undefined {
  return count === undefined ? undefined : String(Math.round(count));
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

function noteStyle(record: RequestRecord): Style {
  const kind = failureOf(record);
  return kind === undefined || kind === "left" ? "dim" : "red";
}
