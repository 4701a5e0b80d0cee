import { replacement } from "./json-bytes.ts";
import { type Document, type ObjectValue, type Shape, textOf, type Value } from "./scan.ts";
import type { Edit } from "./splice.ts";

/** What `orderTools` needs of a body. */
export const TOOLS_SHAPE: Shape = { each: { members: { name: {} } } };

export interface OrderedTools {
  /** Every name seen so far: the known ones in their old order, then the new ones. To be remembered for the session. */
  readonly order: readonly string[];
  /** Definitions moved as they are, byte for byte: each edit puts one definition where another stood. */
  readonly edits: readonly Edit[];
  /** The names of the tools that are no longer where the client put them. */
  readonly moved: readonly string[];
}

/**
 * Puts the tools in the order in which their names were first seen, new ones last. Templates render tools at the head of
 * the prompt: a tool inserted among them costs the KV cache of all that follows. Returns `undefined` where `tools` is
 * not an array of objects with a name each, every name once.
 */
export function orderTools({ bytes, root }: Document, known: readonly string[]): OrderedTools | undefined {
  const { tools } = root.members;
  if (tools?.kind !== "array") return undefined;
  const byName = new Map<string, ObjectValue>();
  for (const item of tools.items) {
    const name = nameOf(bytes, item);
    if (name === undefined || byName.has(name)) return undefined;
    byName.set(name, item as ObjectValue);
  }
  const order = [...new Set([...known, ...byName.keys()])];
  const wanted = order.filter((name) => byName.has(name));
  const moves = wanted.flatMap((name, index) => {
    const [definition, place] = [byName.get(name)!, tools.items[index]!];
    if (definition === place) return [];
    return { name, edit: replacement(place, [definition]) };
  });
  return { order, edits: moves.map(({ edit }) => edit), moved: moves.map(({ name }) => name) };
}

/** The tool orders of the last sessions, in memory only. */
export class ToolOrders {
  private readonly orders = new Map<string, readonly string[]>();
  private readonly capacity: number;

  /** Beyond `capacity` sessions the least recently used one is forgotten. */
  constructor(capacity = 1_000) {
    this.capacity = capacity;
  }

  /** The order of a session; empty when it is new. */
  get(session: string): readonly string[] {
    return this.orders.get(session) ?? [];
  }

  set(session: string, order: readonly string[]): void {
    // A Map iterates in the order of insertion: putting a session in anew makes it the most recently used one.
    this.orders.delete(session);
    this.orders.set(session, order);
    const [oldest] = this.orders.keys();
    if (this.orders.size > this.capacity && oldest !== undefined) this.orders.delete(oldest);
  }
}

// --- internal ---

function nameOf(bytes: Buffer, tool: Value): string | undefined {
  return tool.kind === "object" && tool.members.name?.kind === "string"
    ? textOf(bytes, tool.members.name)
    : undefined;
}
