import { replacement } from "../json-bytes.ts";
import { type Findings, NO_FINDINGS, type Pass } from "../pass.ts";
import { type Document, type ObjectValue, textOf, type Value } from "../scan.ts";

/**
 * Puts the tools in the order in which the session first saw their names, new ones last. Templates render tools at the head of the prompt: a
 * tool inserted among them makes llama-server evaluate everything after it again. Definitions are moved byte for byte. Nothing
 * changes unless `tools` is an array of objects with one name each, all different.
 */
export const toolOrder: Pass = {
  title: "tools",
  applies: ({ tools }, api) => tools === "stable" && api === "anthropic",
  needs: { members: { tools: { each: { members: { name: {} } } } } },
  run: (document, context) => (context.toolOrder ? orderTools(document, context.toolOrder) : NO_FINDINGS),
};

// --- internal ---

function orderTools({ bytes, root }: Document, known: readonly string[]): Findings {
  const places = root.members.tools?.kind === "array" ? root.members.tools.items : undefined;
  const definitions = places && byName(bytes, places);
  if (!places || !definitions) return NO_FINDINGS;
  const order = [...new Set([...known, ...definitions.keys()])];
  const wanted = order.filter((name) => definitions.has(name));
  const moves = wanted.flatMap((name, index) => {
    const [definition, place] = [definitions.get(name)!, places[index]!];
    return definition === place ? [] : [{ name, edit: replacement(place, [definition]) }];
  });
  return {
    edits: moves.map(({ edit }) => edit),
    notes: moves.length > 0 ? [`tools moved: ${moves.map(({ name }) => name).join(", ")}`] : [],
    toolOrder: order,
  };
}

/** `undefined` if a tool has no name or the name of another tool. */
function byName(bytes: Buffer, tools: readonly Value[]): Map<string, ObjectValue> | undefined {
  const found = new Map<string, ObjectValue>();
  for (const tool of tools) {
    if (tool.kind !== "object" || tool.members.name?.kind !== "string") return undefined;
    const name = textOf(bytes, tool.members.name);
    if (found.has(name)) return undefined;
    found.set(name, tool);
  }
  return found;
}
