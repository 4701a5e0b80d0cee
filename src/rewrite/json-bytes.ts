import type { Span } from "./scan.ts";
import type { Edit, Pieces } from "./splice.ts";

/**
 * The inside of a JSON string as bytes: escapes kept, quotes left out. Texts are moved in this form, so that no escape is ever
 * rewritten. For a string of the body, `insideOf` returns this form.
 */
export type RawText = Pieces;

/** One JSON value as bytes. */
export type RawValue = Pieces;

/** The part of a string between its quotes. */
export function insideOf({ start, end }: Span): Span {
  return { start: start + 1, end: end - 1 };
}

/** Whether the body has these bytes from byte `at` on. */
export function hasBytesAt(bytes: Buffer, at: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}

/** Puts a separator between the parts, as `Array.join` does. */
export function join(parts: readonly Pieces[], separator: string): Pieces {
  return parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part]));
}

export function textBlock(text: RawText): RawValue {
  return ['{"type":"text","text":"', ...text, '"}'];
}

export function userTurn(blocks: readonly RawValue[]): RawValue {
  return ['{"role":"user","content":[', ...join(blocks, ","), "]}"];
}

export function insertion(at: number, pieces: Pieces): Edit {
  return replacement({ start: at, end: at }, pieces);
}

export function replacement({ start, end }: Span, pieces: Pieces): Edit {
  return { start, end, pieces };
}

/** The edits that remove elements of an array, each with one comma; `removed` has their indices in ascending order. */
export function removals(items: readonly Span[], removed: readonly number[]): Edit[] {
  let firstKept = 0;
  while (removed[firstKept] === firstKept) firstKept++;
  return removed.map((index) => {
    const { start, end } = items[index]!;
    if (index > firstKept) return replacement({ start: items[index - 1]!.end, end }, []);
    return replacement({ start, end: items[index + 1]?.start ?? end }, []);
  });
}
