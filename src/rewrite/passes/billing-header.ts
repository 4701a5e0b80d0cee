import { isUtf8 } from "node:buffer";
import { type Findings, NO_FINDINGS, type Pass } from "../pass.ts";
import { type StringValue, type Value, wordOf } from "../scan.ts";
import type { Shape } from "../shape.ts";
import type { Edit } from "../splice.ts";

/**
 * Replaces every billing header. It is a billing header itself, so a second pass changes nothing, and it has no `cch` field, so
 * llama-server's own handling of that field (llama.cpp PR 21793) finds nothing to do.
 */
export const CONSTANT_HEADER = "x-anthropic-billing-header: cc_version=0; cc_entrypoint=cli;";

const TEXT_TYPES: readonly string[] = ["text", "input_text"];
const CONTENT: Shape = { each: { members: { type: { words: TEXT_TYPES }, text: {} } } };
const LEADING: Shape = {
  first: { members: { role: { words: ["system", "developer"], decides: true }, content: CONTENT } },
};

/**
 * Makes each billing header of the system prompt constant: the header at the very start of the top-level `system`, if that is a string, or
 * of any of its text blocks. Prompt text right after a header stays.
 */
export const billingHeader: Pass = {
  title: "billing header",
  applies: () => true,
  needs: { members: { system: CONTENT } },
  run: ({ bytes, root }) => constantHeaders(bytes, root.members.system),
};

/** The same for a system prompt that is the first message, unless there is a top-level `system`. */
export const billingHeaderInMessage: Pass = {
  title: "billing header",
  applies: () => true,
  needs: { members: { system: {}, messages: LEADING } },
  run: ({ bytes, root }) =>
    root.members.system ? NO_FINDINGS : constantHeaders(bytes, leadingContent(root.members.messages)),
};

/** The same for the Responses API: routers put Claude Code's system prompt into `instructions` or into the first item of `input`. */
export const billingHeaderInResponses: Pass = {
  title: "billing header",
  applies: (_, api) => api === "responses",
  needs: { members: { instructions: {}, input: LEADING } },
  run: ({ bytes, root }) =>
    constantHeaders(bytes, root.members.instructions, leadingContent(root.members.input)),
};

// --- internal ---

const NAME = Buffer.from('"x-anthropic-billing-header:');
const CONSTANT = Buffer.from(CONSTANT_HEADER);

/**
 * Sticky, over a latin1 slice of the string, so that its indices are byte offsets. Fields are `name=value;`, separated by
 * blanks. Only Anthropic's own (`cc…`) may follow without a blank, because prompt text may come right after the last semicolon. The last
 * field may lack its semicolon at the end of the text or line. A header without any field must be alone on its line: else it is
 * prose about the header.
 */
const HEADER =
  /"x-anthropic-billing-header:(?:(?:[ \t]*cc[a-z0-9_]*=[^;"\\\0-\x20]*|[ \t]+[a-z][a-z0-9_.-]*=[^;"\\\0-\x20]*)(?:;|(?="|\\[nr])))+|"x-anthropic-billing-header:[ \t]*(?="|\\[nr])/y;

/** The content of the first element if that is the system's. */
function leadingContent(list: Value | undefined): Value | undefined {
  const first = list?.kind === "array" ? list.items[0] : undefined;
  if (first?.kind !== "object") return undefined;
  const role = wordOf(first.members.role);
  return role === "system" || role === "developer" ? first.members.content : undefined;
}

function constantHeaders(bytes: Buffer, ...contents: readonly (Value | undefined)[]): Findings {
  const edits = contents
    .flatMap(textsOf)
    .map((text) => headerEdit(bytes, text))
    .filter((edit) => edit !== undefined);
  return { edits, notes: edits.map(() => "billing header made constant") };
}

function textsOf(content: Value | undefined): StringValue[] {
  if (content?.kind === "string") return [content];
  if (content?.kind !== "array") return [];
  return content.items.flatMap((block) => {
    if (block.kind !== "object" || !TEXT_TYPES.includes(wordOf(block.members.type) ?? "")) return [];
    return block.members.text?.kind === "string" ? [block.members.text] : [];
  });
}

/** `undefined` if the text does not start with a header, or if it starts with the constant one. */
function headerEdit(bytes: Buffer, { start, end }: StringValue): Edit | undefined {
  if (bytes.compare(NAME, 0, NAME.length, start, Math.min(start + NAME.length, end)) !== 0) return undefined;
  HEADER.lastIndex = 0;
  if (!HEADER.test(bytes.toString("latin1", start, end))) return undefined;
  const header = { start: start + 1, end: start + HEADER.lastIndex, pieces: [CONSTANT_HEADER] };
  // What is wrong with a text must not go away: other passes leave it unchanged for that reason.
  if (!isUtf8(bytes.subarray(header.start, header.end))) return undefined;
  return bytes.compare(CONSTANT, 0, CONSTANT.length, header.start, header.end) === 0 ? undefined : header;
}
