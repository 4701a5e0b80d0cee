import type { Edit } from "./splice.ts";

/**
 * The inside of a JSON string as it stands in a body: escapes kept, quotes left out. Texts are moved in this form, so
 * that not one escape of a client is written in another way.
 */
export type RawText = Buffer;

/** One JSON value as bytes. */
export type RawValue = Buffer;

export function concat(...parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

/** Puts a separator between the parts, as `Array.join` does. */
export function join(parts: readonly Uint8Array[], separator: string): Buffer {
  return concat(...parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part])));
}

export function textBlock(text: RawText): RawValue {
  return concat('{"type":"text","text":"', text, '"}');
}

export function userTurn(blocks: readonly RawValue[]): RawValue {
  return concat('{"role":"user","content":[', join(blocks, ","), "]}");
}

export function insertion(at: number, ...parts: readonly (string | Uint8Array)[]): Edit {
  return { start: at, end: at, bytes: concat(...parts) };
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
      return { start, end, bytes: NO_BYTES };
    });
}

// --- internal ---

const NO_BYTES = new Uint8Array(0);
