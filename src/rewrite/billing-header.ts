import { type Document, type Shape, type StringValue, type Value, wordOf } from "./scan.ts";
import type { Edit } from "./splice.ts";

/**
 * What every billing header becomes. It is a billing header itself, so that a second pass changes nothing, and it has no
 * `cch` field, so that llama-server's own handling of that field (llama.cpp PR 21793) finds nothing to do.
 */
export const CONSTANT_HEADER = "x-anthropic-billing-header: cc_version=0; cc_entrypoint=cli;";

const TEXT_BLOCK: Shape = { members: { type: { words: ["text"] }, text: {} } };

/** The parts of a body in which the header may stand: Anthropic's `system`, or the first message of OpenAI's shape. */
export const HEADER_SHAPE: Readonly<Record<string, Shape>> = {
  system: { each: TEXT_BLOCK },
  messages: {
    first: {
      members: { role: { words: ["system", "developer"], decides: true }, content: { each: TEXT_BLOCK } },
    },
  },
};

/**
 * The edits that make each billing header of the system prompt constant: the header at the very start of the top-level
 * `system` (a string, or any text block of the array) or, where there is no `system` and `where` allows it, of a leading
 * `system` or `developer` message. Prompt text right behind a header stays. No edit where the header already is the constant.
 */
export function billingHeaderEdits(document: Document, where: "system" | "system or first message"): Edit[] {
  return systemTexts(document, where)
    .map((text) => headerEdit(document.bytes, text))
    .filter((edit) => edit !== undefined);
}

// --- internal ---

const NAME = Buffer.from('"x-anthropic-billing-header:');
const CONSTANT = Buffer.from(CONSTANT_HEADER);

/**
 * Sticky, over a latin1 slice of the string, so that its indices are byte offsets. Fields are `name=value;`, set off by
 * blanks; only Anthropic's own (`cc…`) may follow without one, because in string form prompt text may stand right behind
 * the last semicolon. A last field may lack its semicolon at the end of the text or line. A header without any field
 * must be alone on its line: else it is prose about the header.
 */
const HEADER =
  /"x-anthropic-billing-header:(?:(?:[ \t]*cc[a-z0-9_]*=[^;"\\ \t\r\n]*|[ \t]+[a-z][a-z0-9_.-]*=[^;"\\ \t\r\n]*)(?:;|(?="|\\[nr])))+|"x-anthropic-billing-header:[ \t]*(?="|\\[nr])/y;

function systemTexts({ root }: Document, where: string): StringValue[] {
  const { system, messages } = root.members;
  if (system !== undefined) return textsOf(system);
  const first = messages?.kind === "array" ? messages.items[0] : undefined;
  if (where === "system" || first?.kind !== "object" || wordOf(first.members.role) === undefined) return [];
  return first.members.content === undefined ? [] : textsOf(first.members.content);
}

function textsOf(content: Value): StringValue[] {
  if (content.kind === "string") return [content];
  if (content.kind !== "array") return [];
  return content.items.flatMap((block) => {
    if (block.kind !== "object" || wordOf(block.members.type) === undefined) return [];
    return block.members.text?.kind === "string" ? [block.members.text] : [];
  });
}

function headerEdit(bytes: Buffer, { start, end }: StringValue): Edit | undefined {
  if (bytes.compare(NAME, 0, NAME.length, start, Math.min(start + NAME.length, end)) !== 0) return undefined;
  HEADER.lastIndex = 0;
  if (!HEADER.test(bytes.toString("latin1", start, end))) return undefined;
  const header = { start: start + 1, end: start + HEADER.lastIndex, pieces: [CONSTANT_HEADER] };
  return bytes.compare(CONSTANT, 0, CONSTANT.length, header.start, header.end) === 0 ? undefined : header;
}
