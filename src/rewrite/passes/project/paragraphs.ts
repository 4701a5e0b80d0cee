import type { Span } from "../../scan.ts";

/** A paragraph of a text, as indices into it. Paragraphs are between blank lines. */
export interface Paragraph extends Span {
  /** The heading of its section, which may be its own first line. */
  readonly heading: Span | undefined;
}

export function paragraphsOf(text: string): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  let heading: Span | undefined;
  let isCode = false;
  for (const { start, end } of spansBetweenBlankLines(text)) {
    const words = text.slice(start, end);
    const own = isCode ? undefined : HEADING.exec(words)?.[0];
    if (own !== undefined) heading = { start, end: start + own.length };
    paragraphs.push({ start, end, heading });
    if (words.split(FENCE).length % 2 === 0) isCode = !isCode;
  }
  return paragraphs;
}

// --- internal ---

const BLANK_LINES = /\r?\n(?:[ \t]*\r?\n)+/g;
const HEADING = /^#{1,6} .*\S/;
/** The lines that begin and end code blocks: a `#` in code is no heading. */
const FENCE = /^[ \t]*```/m;

function spansBetweenBlankLines(text: string): Span[] {
  const spans: Span[] = [];
  let start = 0;
  for (const { index, 0: blank } of text.matchAll(BLANK_LINES)) {
    spans.push({ start, end: index });
    start = index + blank.length;
  }
  return [...spans, { start, end: text.length }];
}
