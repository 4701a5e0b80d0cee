import { namesIn, type ToolOrder } from "./tool-order.ts";

/** What is remembered of one conversation between its requests. */
export interface Conversation {
  readonly toolOrder?: ToolOrder;
}

/** Beyond either bound the least recently used conversation is forgotten. */
export interface MemoryBounds {
  readonly entries: number;
  readonly bytes: number;
}

const BOUNDS: MemoryBounds = { entries: 1_000, bytes: 16 * 2 ** 20 };

/** The one place that remembers anything of conversations; in memory only. */
export class SessionMemory {
  readonly #bounds: MemoryBounds;
  /** A Map iterates in the order of insertion, so that the first one is the least recently used. */
  readonly #conversations = new Map<
    string,
    { readonly conversation: Conversation; readonly bytes: number }
  >();
  #bytes = 0;

  constructor(bounds: Partial<MemoryBounds> = {}) {
    this.#bounds = { ...BOUNDS, ...bounds };
  }

  get(key: string): Conversation {
    return this.#conversations.get(key)?.conversation ?? NOTHING;
  }

  /** Replaces what is given and keeps the rest. */
  update(key: string, news: Partial<Conversation>): void {
    const conversation = { ...this.get(key), ...news };
    this.#forget(key);
    const bytes = sizeOf(key, conversation);
    this.#conversations.set(key, { conversation, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#conversations.keys()) {
      if (this.#conversations.size <= this.#bounds.entries && this.#bytes <= this.#bounds.bytes) break;
      this.#forget(oldest);
    }
  }

  // --- internal ---

  #forget(key: string): void {
    this.#bytes -= this.#conversations.get(key)?.bytes ?? 0;
    this.#conversations.delete(key);
  }
}

const NOTHING: Conversation = Object.freeze({});

/** About what a string or an entry of a table costs besides its characters. */
const OVERHEAD = 64;

function sizeOf(key: string, { toolOrder = [] }: Conversation): number {
  const texts = [key, ...namesIn(toolOrder)];
  return texts.reduce((sum, text) => sum + 2 * text.length + OVERHEAD, OVERHEAD);
}
