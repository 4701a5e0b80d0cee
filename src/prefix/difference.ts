/** The text around the first difference of two requests. */
export interface Difference {
  /** The earlier request's text. */
  readonly before: string;
  readonly after: string;
}

/** Characters on each side of the first difference. */
const AROUND = 40;

/**
 * Where the text of two bodies of `/v1/messages` or `/v1/chat/completions` parts: the tools first, then the system prompt, then the messages.
 * `undefined` if one is a beginning of the other, or is not JSON. Parses both bodies: only for users who ask for it.
 */
export function differenceOf(before: Uint8Array, after: Uint8Array): Difference | undefined {
  const [old, now] = [textsOf(before), textsOf(after)];
  if (!old || !now) return undefined;
  for (const [index, part] of PARTS.entries()) {
    const [one, other] = [old[index]!, now[index]!];
    const at = firstDifference(one, other, part !== "messages");
    if (at !== undefined) return { before: around(one, at), after: around(other, at) };
  }
  return undefined;
}

// --- internal ---

const PARTS = ["tools", "system", "messages"] as const;

function textsOf(body: Uint8Array): string[] | undefined {
  try {
    const parsed: Record<string, unknown> = JSON.parse(Buffer.from(body).toString());
    return PARTS.map((part) => itemsOf(parsed[part]).map(textOf).join("\n"));
  } catch {
    return undefined;
  }
}

function itemsOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** The text that a model reads of a block, a message or a tool; `cache_control` and the way it is wrapped leave no trace. */
function textOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { cache_control, ...rest } = value as Record<string, unknown>;
  if (typeof rest.text === "string") return rest.text;
  if ("content" in rest) return itemsOf(rest.content).map(textOf).join("\n");
  return JSON.stringify(rest);
}

/** `isWhole`: an end that the other text does not have is a difference, too. */
function firstDifference(one: string, other: string, isWhole: boolean): number | undefined {
  const length = Math.min(one.length, other.length);
  let at = 0;
  while (at < length && one[at] === other[at]) at++;
  if (at < length) return at;
  return isWhole && one.length !== other.length ? at : undefined;
}

function around(text: string, at: number): string {
  return text.slice(Math.max(0, at - AROUND), at + AROUND);
}
