import type { ApiShape } from "../request/endpoints.ts";
import type { BodyFacts } from "../request/request.ts";
import type { Findings, Pass, RewriteContext, RewriteSettings } from "./pass.ts";
import { billingHeader, billingHeaderInMessage, billingHeaderInResponses } from "./passes/billing-header.ts";
import { projectParagraphs } from "./passes/project-paragraphs.ts";
import { systemTurns } from "./passes/system-turns.ts";
import { toolOrder } from "./passes/tool-order.ts";
import { unreadableBlocks, unseenImages, unseenInputImages } from "./passes/unreadable.ts";
import { type Document, isTrue, scan, textOf, Unscannable } from "./scan.ts";
import { type CompiledShape, compile, mergeShapes, type Shape } from "./shape.ts";
import { splice } from "./splice.ts";
import { START_SHAPE, startOf } from "./start.ts";
import { replaceLoneSurrogates } from "./surrogates.ts";

/** The repairs that change what later ones may move. Where they have edits, these are applied and the body is scanned again. */
const FIRST: readonly Pass[] = [unreadableBlocks, unseenImages, unseenInputImages, projectParagraphs];

/** All other repairs. Their order is the order of their notes and of their insertions at the same place. */
const SECOND: readonly Pass[] = [
  billingHeader,
  billingHeaderInMessage,
  billingHeaderInResponses,
  systemTurns,
  toolOrder,
];

const PASSES: readonly Pass[] = [...FIRST, ...SECOND];

/** A body, read once: first for what it says about its request, then for what the passes may change. */
export interface ScannedBody {
  /** The array that `readBody` was given. */
  readonly bytes: Uint8Array;
  readonly facts: BodyFacts;
  /** Whether `rewrite` may use what its context says about the server. */
  readonly asksServer: boolean;
  /** The passes that apply to it. */
  readonly passes: readonly Pass[];
  /** `undefined` if the body is empty or cannot be read. Its bytes are `bytes`, unless these had lone surrogates. */
  readonly document: Document | undefined;
  /** Why it cannot be read, or what was changed already. */
  readonly notes: readonly string[];
}

export interface Rewritten {
  /** The body to forward: the array that `readBody` was given if nothing changes. */
  readonly body: Uint8Array;
  readonly facts: BodyFacts;
  /** What was changed, or why nothing could be; no prompt text. */
  readonly notes: readonly string[];
  /** The names of the request's tools in the order in which they are forwarded; `undefined` if the tools were not looked at. */
  readonly toolOrder?: readonly string[] | undefined;
}

/** Scans a body for the passes that apply to it. Pure; never throws, whatever the bytes are. */
export function readBody(
  bytes: Uint8Array,
  api: ApiShape | undefined,
  settings: RewriteSettings,
): ScannedBody {
  if (bytes.length === 0) return unread(bytes, []);
  const passes = PASSES.filter((pass) => pass.applies(settings, api));
  try {
    const scanned = scan(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), shapeFor(passes));
    const { bytes: wellFormed, count } = replaceLoneSurrogates(scanned.bytes);
    const document = { bytes: wellFormed, root: scanned.root };
    const asksServer = passes.some((pass) => pass.asksServer?.(document));
    const notes = count > 0 ? [`lone surrogates replaced: ${count}`] : [];
    return { bytes, facts: factsOf(document), asksServer, passes, document, notes };
  } catch (error) {
    return unread(bytes, [unchanged(error)]);
  }
}

/** Runs the passes over a scanned body and applies their edits. Pure; never throws. */
export function rewrite(
  { bytes, facts, passes, document, notes }: ScannedBody,
  context: RewriteContext,
): Rewritten {
  if (!document) return { body: bytes, facts, notes };
  try {
    const first = apply(only(FIRST, passes), document, context);
    const between = first.bytes === document.bytes ? document : scan(first.bytes, shapeFor(passes));
    const second = apply(only(SECOND, passes), between, context);
    return {
      body: isSameMemory(second.bytes, bytes) ? bytes : second.bytes,
      facts,
      notes: [...notes, ...first.notes, ...second.notes],
      toolOrder: second.toolOrder,
    };
  } catch (error) {
    return { body: bytes, facts, notes: [unchanged(error)] };
  }
}

// --- internal ---

interface Applied {
  /** The document's buffer if nothing changes. */
  readonly bytes: Buffer;
  readonly notes: readonly string[];
  readonly toolOrder: readonly string[] | undefined;
}

function apply(passes: readonly Pass[], document: Document, context: RewriteContext): Applied {
  const findings = passes.map((pass) => attempt(pass, document, context));
  const edits = findings.flatMap((finding) => finding.edits);
  return {
    bytes: edits.length === 0 ? document.bytes : splice(document.bytes, edits),
    notes: findings.flatMap((finding) => finding.notes),
    toolOrder: findings.find((finding) => finding.toolOrder)?.toolOrder,
  };
}

function only(some: readonly Pass[], passes: readonly Pass[]): Pass[] {
  return passes.filter((pass) => some.includes(pass));
}

function isSameMemory(one: Uint8Array, other: Uint8Array): boolean {
  return one.buffer === other.buffer && one.byteOffset === other.byteOffset;
}

/** Reported of every body: the facts, and the keys that must not be there twice, whichever passes apply. */
const EVERY_BODY: Shape = mergeShapes(START_SHAPE, {
  members: { model: {}, stream: {}, tools: { each: {} } },
});

/** The shape of every combination of passes that was needed so far. */
const SHAPES = new Map<string, CompiledShape>();

function shapeFor(passes: readonly Pass[]): CompiledShape {
  const key = passes.map((pass) => PASSES.indexOf(pass)).join();
  const shape = SHAPES.get(key) ?? compile(passes.map((pass) => pass.needs).reduce(mergeShapes, EVERY_BODY));
  SHAPES.set(key, shape);
  return shape;
}

function factsOf(document: Document): BodyFacts {
  const { bytes, root } = document;
  const { model, stream, tools } = root.members;
  return {
    model: model?.kind === "string" ? textOf(bytes, model) : undefined,
    stream: stream?.kind === "atom" ? isTrue(bytes, stream) : undefined,
    tools: tools?.kind === "array" ? tools.items.length : undefined,
    start: startOf(document),
  };
}

function unread(bytes: Uint8Array, notes: readonly string[]): ScannedBody {
  return { bytes, facts: {}, asksServer: false, passes: [], document: undefined, notes };
}

function attempt(pass: Pass, document: Document, context: RewriteContext): Findings {
  try {
    return pass.run(document, context);
  } catch (error) {
    return { edits: [], notes: [`${pass.title} left unchanged: ${reasonOf(error)}`] };
  }
}

function unchanged(error: unknown): string {
  return `forwarded unchanged: ${reasonOf(error)}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof Unscannable) return error.message;
  return "internal error in cache-proxy; please report it";
}
