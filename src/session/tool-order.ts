/** A tool that a conversation has offered. */
export interface KnownTool {
  readonly name: string;
  /** How many of the conversation's requests in a row have not offered it. */
  readonly unseen: number;
}

/** The tools of a conversation in the order in which they were first seen. */
export type ToolOrder = readonly KnownTool[];

/** A tool that this many requests in a row have not offered is forgotten: if it comes back, it comes last. */
const FORGOTTEN_AFTER = 50;

/** Real conversations offer at most a few hundred tools, with names of at most 64 characters (Anthropic's limit). */
const MAX_CHARACTERS = 128 * 1024;

/**
 * The order after a request that offered these tools, new ones last. Beyond 128 Ki characters of names only those of this request are
 * kept, and if they alone are longer, none: the next request is then like a first one.
 */
export function remember(order: ToolOrder, offered: readonly string[]): ToolOrder {
  if (offered.length === 0) return order;
  const now = new Set(offered);
  const old = order.map(({ name, unseen }) => ({ name, unseen: now.has(name) ? 0 : unseen + 1 }));
  const known = new Set(old.map(({ name }) => name));
  const added = [...now].filter((name) => !known.has(name)).map((name) => ({ name, unseen: 0 }));
  const kept = [...old.filter(({ unseen }) => unseen < FORGOTTEN_AFTER), ...added];
  return [kept, kept.filter(({ unseen }) => unseen === 0)].find(isSmall) ?? [];
}

export function namesIn(order: ToolOrder): string[] {
  return order.map(({ name }) => name);
}

// --- internal ---

function isSmall(order: ToolOrder): boolean {
  return order.reduce((sum, { name }) => sum + name.length, 0) <= MAX_CHARACTERS;
}
