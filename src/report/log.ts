import { styleText } from "node:util";
import { clockTime } from "./numbers.ts";
import type { RequestRecord } from "./record.ts";

/** How lines are drawn. */
export interface LineStyle {
  /** Width of the terminal; at 80 and more a line fits into it. */
  readonly columns: number;
  readonly colour: boolean;
}

type Style = Parameters<typeof styleText>[0];

/** A column of the table; what is unknown stays empty. */
interface Column {
  readonly title: string;
  readonly width: number;
  /** Numbers stand at the right. */
  readonly right?: boolean;
  readonly text: (record: RequestRecord) => string | undefined;
  readonly style?: (record: RequestRecord) => Style | undefined;
}

/** A terminal breaks a line that fills its last column; the model gets what the other columns leave. */
const MODEL_WIDTH = { least: 6, most: 24 };
/** Below this a low share is a short prompt, not a lost cache. */
const WORTH_A_COLOUR = 1000;

/** The line for one request: a row under `formatHeader`; only an unusual end may move its numbers to the left. */
export function formatRecord(record: RequestRecord, style: LineStyle): string {
  const columns = columnsFor(style);
  const texts = columns.map((column) => fit(column.text(record) ?? "", column));
  const cells = squeezed(texts, style.columns - 1).map((text, index) => {
    const paint = style.colour ? columns[index]?.style?.(record) : undefined;
    return paint ? styleText(paint, text, { validateStream: false }) : text;
  });
  return cells.join(" ").trimEnd();
}

/** The names of the columns; worth repeating when the last one has scrolled away. */
export function formatHeader(style: LineStyle): string {
  const cells = columnsFor(style).map((column) => fit(column.title, column));
  const text = cells.join(" ").trimEnd();
  return style.colour ? styleText("dim", text, { validateStream: false }) : text;
}

/** One JSON object: the record itself, told from other lines by `"event":"request"`. */
export function formatJson(record: RequestRecord): string {
  return JSON.stringify({ event: "request", ...record });
}

/** A duration in at most five characters up to 999 hours: 0.04s, 12.3s, 123s, 45m, 12h. */
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

function columnsFor({ columns }: LineStyle): readonly Column[] {
  const others = COLUMNS.reduce((sum, { width }) => sum + width + 1, 0);
  const width = Math.min(MODEL_WIDTH.most, Math.max(MODEL_WIDTH.least, columns - others));
  return COLUMNS.map((column) => (column.width === 0 ? { ...column, width } : column));
}

/** The last column may be as long as it wants: nothing follows it. */
function fit(text: string, { title, width, right }: Column): string {
  if (title === "end" || text.length <= width) return right ? text.padStart(width) : text.padEnd(width);
  const short = text.replace(/^claude-/, "");
  return short.length > width ? `${short.slice(0, width - 1)}…` : short.padEnd(width);
}

/** Cells that with a blank between each are no wider than `columns`, as far as taking blanks out of them makes them so. */
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

/** Rounded down: 99.9 % is not all. */
function percent(part: number | undefined): string | undefined {
  return part === undefined ? undefined : `${Math.floor(part * 100)}%`;
}

function shareStyle(record: RequestRecord): Style | undefined {
  const part = share(record);
  if (part === undefined || (record.evaluated_tokens ?? 0) < WORTH_A_COLOUR) return undefined;
  return part >= 0.9 ? "green" : part >= 0.5 ? "yellow" : "red";
}

/** The status, and what went wrong besides it. */
function ending({ status, outcome, error_type }: RequestRecord): string {
  return [status, outcome === "complete" ? undefined : outcome, error_type].filter(Boolean).join(" ");
}

function endingStyle({ status, outcome, error_type }: RequestRecord): Style | undefined {
  if (outcome === "client_gone") return "dim";
  return outcome !== "complete" || error_type || (status ?? 0) >= 400 ? "red" : undefined;
}
