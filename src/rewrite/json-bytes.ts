import type { Edit, Pieces } from "./splice.ts";

/**
 * The inside of a JSON string as it stands in a body: escapes kept, quotes left out. Texts are moved in this form, so
 * that not one escape of a client is written in another way.
 */
export type RawText = Pieces;

/** One JSON value as bytes. */
export type RawValue = Pieces;

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

export function replacement({ start, end }: { start: number; end: number }, pieces: Pieces): Edit {
  return { start, end, pieces };
}

/** The edits that take elements out of an array, each with one comma; `removed` holds their indices. */
export function removals(
  items: readonly { start: number; end: number }[],
  removed: ReadonlySet<number>,
): Edit[] {
  const firstKept = items.findIndex((_, index) => !removed.has(index));
  return [...removed]
    .toSorted((a, b) => a - b)
    .map((index) => {
      const behindKept = firstKept >= 0 && index > firstKept;
      const start = behindKept ? items[index - 1]!.end : items[index]!.start;
      const end = behindKept ? items[index]!.end : (items[index + 1]?.start ?? items[index]!.end);
      return replacement({ start, end }, []);
    });
}
