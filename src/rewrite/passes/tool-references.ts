import { type Document, textOf, type Value, wordOf } from "../scan.ts";
import type { Shape } from "../shape.ts";

/** What `loadedTools` needs of `messages`. */
export const REFERENCES_SHAPE: Shape = {
  each: {
    members: {
      role: { words: ["user"], decides: true },
      content: {
        each: {
          members: {
            type: { words: ["tool_result"] },
            content: { each: { members: { type: { words: ["tool_reference"] }, tool_name: {} } } },
          },
        },
      },
    },
  },
};

/** The names of the tools that the conversation has loaded, in the order in which its tool results name them. */
export function loadedTools({ bytes, root }: Document): ReadonlySet<string> {
  const names = new Set<string>();
  for (const turn of itemsOf(root.members.messages)) {
    for (const block of itemsOf(member(turn, "content"))) {
      if (wordOf(member(block, "type")) !== "tool_result") continue;
      for (const item of itemsOf(member(block, "content"))) addName(bytes, item, names);
    }
  }
  return names;
}

// --- internal ---

function addName(bytes: Buffer, item: Value, names: Set<string>): void {
  const name = member(item, "tool_name");
  if (wordOf(member(item, "type")) === "tool_reference" && name?.kind === "string")
    names.add(textOf(bytes, name));
}

function itemsOf(value: Value | undefined): readonly Value[] {
  return value?.kind === "array" ? value.items : [];
}

function member(value: Value, name: string): Value | undefined {
  return value.kind === "object" ? value.members[name] : undefined;
}
