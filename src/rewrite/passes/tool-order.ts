import { replacement } from "../json-bytes.ts";
import { type Findings, NO_FINDINGS, type Pass } from "../pass.ts";
import { type Document, isTrue, type ObjectValue, textOf, type Value } from "../scan.ts";
import { loadedTools, REFERENCES_SHAPE } from "./tool-references.ts";

/**
 * Puts the tools in the order in which the conversation first saw their names. New ones come last, those that it has loaded after all
 * others, in the order in which the `tool_reference` blocks of the history name them: so a proxy that has just started arrives at the
 * same order. Templates render tools at the head of the prompt: a tool inserted among them makes llama-server evaluate everything
 * after it again. Definitions are moved byte for byte. Nothing changes unless `tools` is an array of objects with one name each, all
 * different.
 */
export const toolOrder: Pass = {
  title: "tools",
  applies: ({ tools }, api) => tools === "stable" && api === "anthropic",
  needs: {
    members: { tools: { each: { members: { name: {}, defer_loading: {} } } }, messages: REFERENCES_SHAPE },
  },
  run: (document, context) => orderTools(document, context.toolOrder ?? []),
};

// --- internal ---

function orderTools(document: Document, known: readonly string[]): Findings {
  const { bytes, root } = document;
  const places = root.members.tools?.kind === "array" ? root.members.tools.items : undefined;
  const definitions = places && byName(bytes, places);
  if (!places || !definitions) return NO_FINDINGS;
  const order = orderOf(definitions, known, document);
  const moves = order.flatMap((name, index) => {
    const [definition, place] = [definitions.get(name)!, places[index]!];
    return definition === place ? [] : [{ name, edit: replacement(place, [definition]) }];
  });
  return {
    edits: moves.map(({ edit }) => edit),
    notes: moves.length > 0 ? [`tools moved: ${moves.map(({ name }) => name).join(", ")}`] : [],
    toolOrder: order,
  };
}

function orderOf(
  definitions: ReadonlyMap<string, ObjectValue>,
  known: readonly string[],
  document: Document,
): string[] {
  const isKnown = new Set(known);
  const added = [...definitions.keys()].filter((name) => !isKnown.has(name));
  // A conversation's later requests rarely bring new tools: then the history need not be walked.
  const named = added.length > 0 ? loadedTools(document) : new Set<string>();
  const isLoaded = loadedAmong(definitions, document.bytes);
  const loaded = [...named].filter((name) => !isKnown.has(name) && isLoaded(name));
  const isLast = new Set(loaded);
  return [
    ...known.filter((name) => definitions.has(name)),
    ...added.filter((name) => !isLast.has(name)),
    ...loaded,
  ];
}

/**
 * Which of the offered tools can have been loaded later. The model may also ask for a tool that was there from the start. Where
 * the client marks tools with `defer_loading`, only those were loaded.
 * https://docs.claude.com/en/docs/agents-and-tools/tool-use/tool-search-tool
 */
function loadedAmong(
  definitions: ReadonlyMap<string, ObjectValue>,
  bytes: Buffer,
): (name: string) => boolean {
  const isDeferred = ({ members }: ObjectValue) => isTrue(bytes, members.defer_loading);
  const deferred = [...definitions].filter(([, tool]) => isDeferred(tool)).map(([name]) => name);
  const candidates = deferred.length > 0 ? new Set(deferred) : definitions;
  return (name) => candidates.has(name);
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
