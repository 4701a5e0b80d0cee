import type { ApiShape } from "../../request/endpoints.ts";
import { insideOf, type RawText, replacement } from "../json-bytes.ts";
import { type Findings, NO_FINDINGS, type Pass, type RewriteContext } from "../pass.ts";
import { type Document, type ObjectValue, type Value, wordOf } from "../scan.ts";
import type { Shape } from "../shape.ts";

/** What the model reads in place of an image that it cannot see. */
export const UNSEEN_IMAGE = "[image: this model cannot see images]";

/** What the model reads in place of a PDF. */
export const UNREAD_DOCUMENT = "[document: this server cannot read PDF files]";

/** Whose turns hold images and documents. */
const ROLES: readonly string[] = ["user", "tool"];

/**
 * Replaces blocks that the model would not get by a text that says so, also in tool results. If the model has no vision, llama-server
 * refuses a request with an image, and so every later one of the session. A `document` block it drops without a word
 * (tools/server/server-chat.cpp). A document of plain text becomes that text.
 */
export const unreadableBlocks = passFor("anthropic", "messages", ["image", "document"], "text");

/** The same for the images of OpenAI's API. */
export const unseenImages = passFor("openai", "messages", ["image_url"], "text");

/** The same for the images of the Responses API. */
export const unseenInputImages = passFor("responses", "input", ["input_image"], "input_text");

// --- internal ---

function passFor(
  api: ApiShape,
  list: "messages" | "input",
  types: readonly string[],
  textType: string,
): Pass {
  const block: Shape = {
    members: {
      type: { words: [...types, "tool_result"] },
      source: { members: { type: { words: ["text"] }, data: {} } },
    },
  };
  const withResults: Shape = { members: { ...block.members, content: { each: block } } };
  const role: Shape = { words: ROLES, decides: true };
  return {
    title: "images and documents",
    applies: (_, requested) => requested === api,
    needs: { members: { [list]: { each: { members: { role, content: { each: withResults } } } } } },
    asksServer: (document) => blocksIn(document, list, types).some(isImage),
    run: (document, context) => replaceIn(blocksIn(document, list, types), textType, context),
  };
}

function replaceIn(blocks: readonly ObjectValue[], textType: string, context: RewriteContext): Findings {
  const unread = blocks.filter((block) => !isImage(block) || context.vision === false);
  if (unread.length === 0) return NO_FINDINGS;
  return {
    edits: unread.map((block) =>
      replacement(block, [`{"type":"${textType}","text":"`, ...textFor(block), '"}']),
    ),
    notes: [`images and documents replaced by texts: ${unread.length}`],
  };
}

function textFor(block: ObjectValue): RawText {
  if (isImage(block)) return [UNSEEN_IMAGE];
  const { source } = block.members;
  const { type, data } = source?.kind === "object" ? source.members : {};
  return wordOf(type) === "text" && data?.kind === "string" ? [insideOf(data)] : [UNREAD_DOCUMENT];
}

function isImage({ members }: ObjectValue): boolean {
  return wordOf(members.type) !== "document";
}

/** The blocks of these types, in the client's turns and in the tool results there. */
function blocksIn({ root }: Document, list: string, types: readonly string[]): ObjectValue[] {
  return itemsOf(root.members[list])
    .flatMap((turn) => (isClients(turn) ? itemsOf(turn.members.content) : []))
    .flatMap((block) => (typeOf(block) === "tool_result" ? resultItems(block) : [block]))
    .filter((block): block is ObjectValue => types.includes(typeOf(block) ?? ""));
}

/** Other passes may have other roles recognized. */
function isClients(turn: Value): turn is ObjectValue {
  return turn.kind === "object" && ROLES.includes(wordOf(turn.members.role) ?? "");
}

function resultItems(block: Value): readonly Value[] {
  return block.kind === "object" ? itemsOf(block.members.content) : [];
}

function itemsOf(value: Value | undefined): readonly Value[] {
  return value?.kind === "array" ? value.items : [];
}

function typeOf(block: Value): string | undefined {
  return block.kind === "object" ? wordOf(block.members.type) : undefined;
}
