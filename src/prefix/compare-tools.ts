import type { Tool } from "./outline.ts";
import { FINE, isSame, sharedBytes } from "./section.ts";

/** How the tools of two requests differ; names in the order of the later request. */
export interface ToolsChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  /** The tools that both have are in another order. */
  readonly reordered: boolean;
}

export interface ToolsComparison {
  /** `undefined` if both have the same tools in the same order. */
  readonly change: ToolsChange | undefined;
  /** Bytes that both share at their start. */
  readonly shared: number;
  /** Bytes of the later one that the earlier one has nowhere. */
  readonly newBytes: number;
}

export function compareTools(before: readonly Tool[], after: readonly Tool[]): ToolsComparison {
  const [old, now] = [before, after].map((tools) => new Map(tools.map((tool) => [tool.name, tool])));
  const added = after.filter(({ name }) => !old!.has(name));
  const removed = before.filter(({ name }) => !now!.has(name));
  const changed = after.filter((tool) => old!.has(tool.name) && !isSame(old!.get(tool.name)!, tool));
  const kept = before.filter(({ name }) => now!.has(name)).map(({ name }) => name);
  const order = after.filter(({ name }) => old!.has(name)).map(({ name }) => name);
  const reordered = kept.some((name, index) => name !== order[index]);
  const isEqual = added.length + removed.length + changed.length === 0 && !reordered;
  const grown = changed.map((tool) => Math.max(0, tool.bytes - old!.get(tool.name)!.bytes) + FINE);
  return {
    change: isEqual
      ? undefined
      : { added: names(added), removed: names(removed), changed: names(changed), reordered },
    shared: sharedIn(before, after),
    newBytes: [...added.map(({ bytes }) => bytes), ...grown].reduce((sum, bytes) => sum + bytes, 0),
  };
}

// --- internal ---

function sharedIn(before: readonly Tool[], after: readonly Tool[]): number {
  let shared = 0;
  for (const [index, tool] of after.entries()) {
    const old = before[index];
    if (!old) break;
    shared += sharedBytes(old, tool);
    if (!isSame(old, tool)) break;
  }
  return shared;
}

function names(tools: readonly Tool[]): string[] {
  return tools.map(({ name }) => name);
}
