import { type Comparison, compare } from "../prefix/compare.ts";
import { type Outline, sizeOf } from "../prefix/outline.ts";
import type { Caller } from "../request/caller.ts";

/** How long a prompt of a conversation was when its history had so many messages. */
export interface Mark {
  readonly messages: number;
  /** Of the outline. */
  readonly bytes: number;
  /** Of the prompt, as the server counted them. */
  readonly tokens: number;
}

/** Who sent a request, and what balancers know its conversation by. */
export interface Sender extends Caller {
  readonly key?: string;
}

/** A forwarded request. */
export interface Outlined {
  /** Counts up in order of sending. */
  readonly id: number;
  readonly caller: Sender;
  readonly outline: Outline;
  /** About how much memory the outline takes, in bytes. */
  readonly size: number;
  /** `performance.now()` when it was sent. */
  readonly sentAt: number;
  /** The id of the conversation's first request that is remembered. */
  readonly conversation: number;
  /** Once it has been answered: the counted prompts of its conversation, its own last if the server counted it. */
  readonly marks?: readonly Mark[];
  /** Tokens of its prompt, if the server counted them: it leaves them out where an answer has no text. */
  readonly tokens?: number;
}

/** Beyond either bound the oldest outline is forgotten. */
export interface OutlineBounds {
  readonly entries: number;
  readonly bytes: number;
}

const BOUNDS: OutlineBounds = { entries: 64, bytes: 16 * 2 ** 20 };

/** The outlines of the last requests, in memory only: the last answered one of each conversation, and those that came after it. */
export class Outlines {
  readonly #bounds: OutlineBounds;
  readonly #entries = new Map<number, Outlined>();

  constructor(bounds: Partial<OutlineBounds> = {}) {
    this.#bounds = { ...BOUNDS, ...bounds };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Adds a request when it is sent; ids must count up. */
  add(id: number, caller: Sender, outline: Outline, sentAt: number): Outlined {
    const conversation = this.#conversationOf(caller, outline) ?? id;
    const entry = { id, caller, outline, size: sizeOf(outline), sentAt, conversation };
    this.#entries.set(id, entry);
    this.#trim();
    return entry;
  }

  get(id: number): Outlined | undefined {
    return this.#entries.get(id);
  }

  /** Notes that a request was answered, with the length of its prompt if that is known, and forgets older ones of its conversation. */
  count(id: number, tokens: number | undefined): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    const previous = this.previous(entry);
    const { outline } = entry;
    const size = { messages: outline.messages.length, bytes: outline.bytes };
    const own: Mark[] = tokens === undefined ? [] : [{ ...size, tokens }];
    const kept = previous ? marksKept(previous, compare(previous.outline, outline)) : [];
    this.#entries.set(id, {
      ...entry,
      marks: [...kept, ...own].slice(-MAX_MARKS),
      ...(tokens !== undefined && { tokens }),
    });
    for (const old of this.#entries.values())
      if (old.conversation === entry.conversation && old.id < id && old.marks) this.#entries.delete(old.id);
  }

  /** The last answered request of the same conversation. */
  previous({ id, conversation }: Outlined): Outlined | undefined {
    return this.#list().findLast((old) => old.conversation === conversation && old.id < id && old.marks);
  }

  /** The answered request of another conversation that shares most with this one; of several, the last one. */
  nearest({ id, conversation, outline }: Outlined): Outlined | undefined {
    const others = this.#list().filter(
      (old) => old.conversation !== conversation && old.id < id && old.marks,
    );
    let [found, most] = [others.at(-1), -1];
    for (const other of others) {
      const { toolsFirst, systemFirst } = compare(other.outline, outline).shared;
      const shared = Math.max(toolsFirst, systemFirst);
      if (shared >= most) [found, most] = [other, shared];
    }
    return found;
  }

  /** The requests of other conversations that were sent between two requests, in order. */
  between(first: Outlined, last: Outlined): readonly Outlined[] {
    const { conversation } = last;
    return this.#list().filter(
      (one) => one.id > first.id && one.id < last.id && one.conversation !== conversation,
    );
  }

  // --- internal ---

  #list(): Outlined[] {
    return [...this.#entries.values()];
  }

  #conversationOf(caller: Caller, outline: Outline): number | undefined {
    const latest = this.#list().toReversed();
    const found = latest.find((old) => continues(old, caller, outline));
    return found?.conversation;
  }

  #trim(): void {
    let bytes = this.#list().reduce((sum, { size }) => sum + size, 0);
    for (const { id, size } of this.#list()) {
      if (this.#entries.size <= this.#bounds.entries && bytes <= this.#bounds.bytes) return;
      this.#entries.delete(id);
      bytes -= size;
    }
  }
}

// --- internal ---

/** A conversation of more requests is explained by its last ones. */
const MAX_MARKS = 256;

/** Whether a request goes on with the conversation of an earlier one. Clients without session ids are told apart by their prompts. */
function continues({ caller, outline: before }: Outlined, now: Sender, after: Outline): boolean {
  const { messages, system, tools } = compare(before, after);
  // `--continue` and `--resume` may give a conversation another session.
  if (caller.session !== now.session || caller.agent_id !== now.agent_id)
    return messages.equal > 1 && system === undefined && tools === undefined;
  const isSameAgent = caller.agent === now.agent;
  // A side request may quote the first message of its session, but its system prompt is another one.
  if (messages.equal > 0) return isSameAgent || system === undefined || messages.equal > 1;
  if (now.session === undefined && system !== undefined) return false;
  if (messages.kind === "dropped") return true;
  if (messages.kind === "edited") return isSameAgent && before.messages.length > 1;
  if (!isSameAgent || now.session === undefined || now.agent === "side") return false;
  // Claude Code keeps the session when it compacts; a summary need not have fewer messages.
  const isCompacted = messages.kind === "replaced" && system === undefined && before.messages.length >= 3;
  return isCompacted || messages.kind === "compacted";
}

function marksKept({ marks = [] }: Outlined, { system, tools, messages }: Comparison): readonly Mark[] {
  if (system || tools) return [];
  return marks.filter((mark) => mark.messages <= messages.equal);
}
