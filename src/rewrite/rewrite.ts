import { billingHeaderEdits, HEADER_SHAPE } from "./billing-header.ts";
import { type Document, type Shape, scan, textOf, Unscannable } from "./scan.ts";
import { type Edit, inOrder, splice } from "./splice.ts";
import { type TurnRepairs, turnEdits } from "./system-turns.ts";
import { orderTools, TOOLS_SHAPE } from "./tool-order.ts";
import { TURNS_SHAPE } from "./turns.ts";

/** What the body says of the request; `undefined` is unknown. */
export interface RequestFacts {
  readonly model?: string | undefined;
  readonly stream?: boolean | undefined;
  /** How many tools it offers. */
  readonly tools?: number | undefined;
}

/** What the user chose and what is known of the request besides its body. */
export interface RewriteContext {
  /** The request's path without the base path and query: turns and tools are repaired where `isMessagesPath` says so. */
  readonly path: string;
  readonly systemTurns: "fold" | "keep";
  /** The upstream's chat template demands it; see upstream/props.ts. */
  readonly strictAlternation?: boolean;
  /** The names of the session's tools in the order in which they were first seen; without it tools stay as they come. */
  readonly toolOrder?: readonly string[] | undefined;
}

export interface Rewritten {
  /** The body to forward: the very array that came in where nothing was changed. */
  readonly body: Uint8Array;
  /** For `--verbose`: what was changed, or why nothing could be. No prompt text. */
  readonly notes: readonly string[];
  readonly facts: RequestFacts;
  /** The session's tools as they are to be remembered; `undefined` where the tools were not looked at. */
  readonly toolOrder?: readonly string[] | undefined;
}

/** Where Anthropic's shape is known to be meant, behind whatever prefix: its `messages` and `tools` may be repaired. */
export function isMessagesPath(path: string): boolean {
  return /\/v1\/messages(?:\/count_tokens)?$/.test(path);
}

/** Applies every repair to one request body: scan once, passes, splice once. Pure; never throws, whatever the bytes are. */
export function rewrite(body: Uint8Array, context: RewriteContext): Rewritten {
  if (body.length === 0) return { body, notes: [], facts: {} };
  try {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const document = scan(bytes, shapeFor(context));
    const findings = PASSES.map((pass) => attempt(pass, document, context));
    const edits = inOrder(findings.flatMap((finding) => finding.edits));
    return {
      body: edits.length === 0 ? body : splice(bytes, edits),
      notes: findings.flatMap((finding) => finding.notes),
      facts: factsOf(document),
      toolOrder: findings.find((finding) => finding.toolOrder)?.toolOrder,
    };
  } catch (error) {
    return { body, notes: [`forwarded untouched: ${reasonOf(error)}`], facts: {} };
  }
}

// --- internal ---

interface Finding {
  readonly edits: readonly Edit[];
  readonly notes: readonly string[];
  readonly toolOrder?: readonly string[];
}

interface Pass {
  /** What it repairs, in the words of `--verbose`. */
  readonly title: string;
  readonly run: (document: Document, context: RewriteContext) => Finding;
}

const NOTHING: Finding = { edits: [], notes: [] };

/** Every repair. Each works on the original bytes, and no two touch the same part of a body: their order does not matter. */
const PASSES: readonly Pass[] = [
  { title: "billing header", run: constantHeader },
  { title: "turns", run: foldedTurns },
  { title: "tools", run: stableTools },
];

/** What the passes need of a body, as far as they will look at it; always the same value for the same passes. */
function shapeFor({ path, systemTurns, toolOrder }: RewriteContext): Shape {
  if (!isMessagesPath(path)) return ANY_BODY;
  if (systemTurns === "keep") return toolOrder ? WITH_TOOLS : HEADER_ONLY;
  return toolOrder ? WITH_TURNS_AND_TOOLS : WITH_TURNS;
}

const FACTS = { tools: { each: {} }, model: {}, stream: {} };
const ANY_BODY: Shape = { members: { ...HEADER_SHAPE, ...FACTS } };
const HEADER_ONLY: Shape = { members: { ...HEADER_SHAPE, ...FACTS, messages: {} } };
const WITH_TOOLS: Shape = { members: { ...HEADER_ONLY.members, tools: TOOLS_SHAPE } };
const WITH_TURNS: Shape = { members: { ...HEADER_ONLY.members, messages: TURNS_SHAPE } };
const WITH_TURNS_AND_TOOLS: Shape = { members: { ...WITH_TURNS.members, tools: TOOLS_SHAPE } };

function constantHeader(document: Document, { path }: RewriteContext): Finding {
  const edits = billingHeaderEdits(document, isMessagesPath(path) ? "system" : "system or first message");
  return { edits, notes: edits.map(() => "billing header made constant") };
}

function foldedTurns(
  document: Document,
  { path, systemTurns, strictAlternation = false }: RewriteContext,
): Finding {
  if (systemTurns === "keep" || !isMessagesPath(path)) return NOTHING;
  const { edits, repairs } = turnEdits(document, strictAlternation);
  return { edits, notes: turnNotes(repairs) };
}

function stableTools(document: Document, { path, toolOrder }: RewriteContext): Finding {
  const ordered = toolOrder && isMessagesPath(path) ? orderTools(document, toolOrder) : undefined;
  if (!ordered) return NOTHING;
  const { order, edits, moved } = ordered;
  return { edits, notes: moved.length > 0 ? [`tools moved: ${moved.join(", ")}`] : [], toolOrder: order };
}

/** A pass that meets a shape it does not know leaves its part of the body alone; the others still do their work. */
function attempt(pass: Pass, document: Document, context: RewriteContext): Finding {
  try {
    return pass.run(document, context);
  } catch (error) {
    return { edits: [], notes: [`${pass.title} left alone: ${reasonOf(error)}`] };
  }
}

function turnNotes(repairs: TurnRepairs): string[] {
  const words: [number, string][] = [
    [repairs.folded, "system turns folded"],
    [repairs.remindersMoved, "reminders moved into their tool result"],
    [repairs.ownWordsMoved, "blocks of the user put behind the tool results"],
    [repairs.turnsJoined, "user turns joined to the one before"],
    [repairs.markersDropped, "token markers dropped"],
    [repairs.toolsNamed, "tool references named"],
  ];
  return words.filter(([count]) => count > 0).map(([count, what]) => `${what}: ${count}`);
}

function factsOf({ bytes, root }: Document): RequestFacts {
  const { model, stream, tools } = root.members;
  return {
    model: model?.kind === "string" ? textOf(bytes, model) : undefined,
    stream: stream?.kind === "atom" ? bytes[stream.start] === 0x74 /* t of true */ : undefined,
    tools: tools?.kind === "array" ? tools.items.length : undefined,
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Unscannable ? error.message : "an unexpected error in the proxy";
}
