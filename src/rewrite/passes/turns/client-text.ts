import { type StringValue, textOf } from "../../scan.ts";
import { beginningOf } from "../../text-offsets.ts";
import { UNREAD_DOCUMENT, UNSEEN_IMAGE } from "../unreadable.ts";

/** What Claude Code says after it has loaded tools; it names none. */
const TOOL_LOADED = "Tool loaded.";

const SKILL = "Base directory for this skill:";

/** How the texts begin that Claude Code writes after a tool result without tags around them: docs/claude-code.md lists them by version. */
const OPENINGS: readonly string[] = [
  SKILL,
  "The user sent a new message while you were working:",
  "[SYSTEM NOTIFICATION - NOT USER INPUT]",
  "[Image: ",
  "Continue from where you left off.",
  "<task-notification>",
  "<tools-used-before-summary>",
];

/** `PostToolUse:Bash hook additional context: …`, `Stop hook feedback:`; a hook is named by its event. */
const HOOK =
  /^[A-Z][A-Za-z]+(?::\S+)? hook (?:additional context|blocking error|error|feedback|stopped|success)\b/;

const INTERRUPTION = "[Request interrupted by user";

/** Whether Claude Code wrote a text that is not a reminder, as far as the text shows it. */
export function isClientText(bytes: Buffer, text: StringValue): boolean {
  const words = beginningOf(bytes, text).trimStart();
  return (
    OPENINGS.some((opening) => words.startsWith(opening)) || HOOK.test(words) || isToolLoaded(bytes, text)
  );
}

/** Whether the text says that the user stopped the model. What follows in the same turn is what the user said instead. */
export function isInterruption(bytes: Buffer, text: StringValue): boolean {
  return beginningOf(bytes, text).trimStart().startsWith(INTERRUPTION);
}

export function isToolLoaded(bytes: Buffer, text: StringValue): boolean {
  return isShort(text) && textOf(bytes, text).trim() === TOOL_LOADED;
}

/** Whether the text has nothing but white space. */
export function isBlank(bytes: Buffer, text: StringValue): boolean {
  return isShort(text) && textOf(bytes, text).trim() === "";
}

/** Whether it is the text of a skill that has a folder. That of a command has no mark. */
export function isSkill(bytes: Buffer, text: StringValue): boolean {
  return beginningOf(bytes, text).trimStart().startsWith(SKILL);
}

/** Whether it is the first text of a slash command of the user. */
export function isCommand(bytes: Buffer, text: StringValue): boolean {
  return /^\s*<command-(?:message|name)>/.test(beginningOf(bytes, text));
}

/** Whether the text replaces an image or a document. */
export function replacesBlock(bytes: Buffer, text: StringValue): boolean {
  const words = isShort(text) ? textOf(bytes, text) : "";
  return words === UNSEEN_IMAGE || words === UNREAD_DOCUMENT;
}

/** What Claude Code puts after a result: the text of a skill or command, or a PDF or its pages. */
export type Announced = "skill" | "pdf";

/** What the text of a tool result announces. */
export function announcedBy(bytes: Buffer, text: StringValue): Announced | undefined {
  const words = beginningOf(bytes, text);
  if (words.startsWith("Launching skill:")) return "skill";
  return /^PDF (?:file read|pages extracted):/.test(words) ? "pdf" : undefined;
}

// --- internal ---

/** In bytes of JSON. Longer texts need not be decoded. */
const SHORT = 64;

function isShort({ start, end }: StringValue): boolean {
  return end - start <= SHORT;
}
