import { compareMessages, type MessagesChange } from "./compare-messages.ts";
import { compareTools, type ToolsChange } from "./compare-tools.ts";
import type { Outline } from "./outline.ts";
import { FINE, isSame, type Section, sharedBytes } from "./section.ts";

/** Where two requests part, and what the later one shares with the earlier one. */
export interface Comparison {
  /** Names of the parameters that differ. */
  readonly parameters: readonly string[];
  readonly modelChanged: boolean;
  /** The first system block that differs, from 0, and about where in it, in bytes; `undefined` if the system prompts are equal. */
  readonly system: { readonly block: number; readonly byte: number } | undefined;
  readonly tools: ToolsChange | undefined;
  readonly messages: MessagesChange;
  /**
   * Bytes of sections that both share at their start. Some templates render the tools first, others the system prompt; what follows a
   * difference is not shared.
   */
  readonly shared: { readonly toolsFirst: number; readonly systemFirst: number };
  /** Bytes of the later request that the earlier one has nowhere. */
  readonly newBytes: number;
}

/** Compares a request with an earlier one. Linear in the number of sections; asked again for the same two, it has the answer ready. */
export function compare(before: Outline, after: Outline): Comparison {
  const last = LAST.get(after);
  if (last?.before.deref() === before) return last.comparison;
  const comparison = compareAll(before, after);
  LAST.set(after, { before: new WeakRef(before), comparison });
  return comparison;
}

/** Whether everything of the earlier request is also in the later one, at the same place. */
export function isExtension({ system, tools, messages }: Comparison): boolean {
  return !system && !tools && (messages.kind === "same" || messages.kind === "extended");
}

// --- internal ---

/**
 * The last comparison of each request: it is needed when the request is sent, when it has ended, and when it is remembered. A strong
 * reference to the earlier request would keep that one in memory, and through it all requests before.
 */
const LAST = new WeakMap<Outline, { readonly before: WeakRef<Outline>; readonly comparison: Comparison }>();

function compareAll(before: Outline, after: Outline): Comparison {
  const system = compareSystem(before.system, after.system);
  const tools = compareTools(before.tools, after.tools);
  const messages = compareMessages(before.messages, after.messages);
  const heads = { tools: tools.shared, system: system.shared };
  const all = heads.tools + heads.system + messages.shared;
  const toolsEqual = tools.change === undefined;
  const systemEqual = system.change === undefined;
  return {
    parameters: changedParameters(before, after),
    modelChanged: before.model !== after.model,
    system: system.change,
    tools: tools.change,
    messages: messages.change,
    shared: {
      toolsFirst: !toolsEqual ? heads.tools : systemEqual ? all : heads.tools + heads.system,
      systemFirst: !systemEqual ? heads.system : toolsEqual ? all : heads.tools + heads.system,
    },
    newBytes: system.newBytes + tools.newBytes + messages.newBytes,
  };
}

function compareSystem(before: readonly Section[], after: readonly Section[]) {
  const same = after.findIndex((block, index) => !before[index] || !isSame(before[index], block));
  const block = same < 0 && before.length > after.length ? after.length : same;
  const shared = after.slice(0, block < 0 ? after.length : block).reduce((sum, { bytes }) => sum + bytes, 0);
  if (block < 0) return { change: undefined, shared, newBytes: 0 };
  const [old, now] = [before[block], after[block]];
  const byte = old && now ? sharedBytes(old, now) : 0;
  return { change: { block, byte }, shared: shared + byte, newBytes: newIn(before, after) };
}

/** A block that replaces another one at its place is mostly the same text: a date, a folder, a list that grew. */
function newIn(before: readonly Section[], after: readonly Section[]): number {
  const known = new Set(before.map(({ hash }) => hash));
  return after.reduce((sum, block, index) => {
    if (known.has(block.hash)) return sum;
    const old = before[index];
    return sum + (old ? Math.max(0, block.bytes - old.bytes) + FINE : block.bytes);
  }, 0);
}

function changedParameters(before: Outline, after: Outline): string[] {
  const names = new Set([...before.parameters, ...after.parameters].map(({ name }) => name));
  return [...names].filter((name) => {
    const [old, now] = [before, after].map(({ parameters }) => parameters.find((one) => one.name === name));
    return !old || !now || !isSame(old, now);
  });
}
