import { scan, Unscannable } from "../rewrite/scan.ts";
import { compile } from "../rewrite/shape.ts";

/**
 * Fingerprints of what may come first in a prompt: the tools, and the start of the system prompt. Two requests that share one of
 * them share a part of their prompts, because a chat template renders either tools or system prompt first.
 */
export function promptStarts(bytes: Buffer): string[] {
  try {
    const { system, tools } = scan(bytes, SHAPE).root.members;
    return [system && { ...system, end: Math.min(system.end, system.start + SYSTEM_BYTES) }, tools]
      .filter((span) => span !== undefined)
      .map(({ start, end }) => Bun.hash(bytes.subarray(start, end)).toString(36));
  } catch (error) {
    if (error instanceof Unscannable) return [];
    throw error;
  }
}

// --- internal ---

const SHAPE = compile({ members: { system: {}, tools: {} } });

const SYSTEM_BYTES = 1_000;
