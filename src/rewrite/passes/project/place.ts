import { insertion, join, type RawText, textBlock } from "../../json-bytes.ts";
import { type ArrayValue, type StringValue, textOf, type Value } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { isReminder } from "../turns/reminder.ts";
import { textIn } from "./opening.ts";

/** Texts for the first user turn. */
export interface Placed {
  /** Goes before all that differs between projects. */
  readonly project: readonly RawText[];
  /** Goes right before the first block that is not a reminder. */
  readonly session: readonly RawText[];
}

/** The edits that put texts as reminders into the content of a user turn. */
export function placeReminders(bytes: Buffer, content: StringValue | ArrayValue, texts: Placed): Edit[] {
  if (content.kind === "string") return beforeString(content, [...texts.project, ...texts.session]);
  const reminders = leadingReminders(bytes, content.items);
  const constant = reminders.findLastIndex((words) => CONSTANT.test(words)) + 1;
  return [
    ...beforeBlock(content, constant, texts.project),
    ...beforeBlock(content, reminders.length, texts.session),
  ];
}

// --- internal ---

/** The reminders of 2.1.119 that are the same in every project; later versions have these texts in the system turn. */
const CONSTANT =
  /^\s*<system-reminder>\s*(?:The following skills are|The following deferred tools are|Available agent types)/;

function leadingReminders(bytes: Buffer, blocks: readonly Value[]): string[] {
  const reminders: string[] = [];
  for (const block of blocks) {
    const text = textIn(block);
    if (!text || !isReminder(bytes, text)) break;
    reminders.push(textOf(bytes, text));
  }
  return reminders;
}

function beforeString({ start, end }: StringValue, texts: readonly RawText[]): Edit[] {
  return [insertion(start, ["[", ...blocksOf(texts), ',{"type":"text","text":']), insertion(end, ["}]"])];
}

function beforeBlock({ items, start }: ArrayValue, index: number, texts: readonly RawText[]): Edit[] {
  if (texts.length === 0) return [];
  const next = items[index];
  if (next) return [insertion(next.start, [...blocksOf(texts), ","])];
  const last = items.at(-1);
  return [insertion(last?.end ?? start + 1, [last ? "," : "", ...blocksOf(texts)])];
}

function blocksOf(texts: readonly RawText[]): RawText {
  const blocks = texts.map((text) => textBlock(["<system-reminder>\\n", ...text, "\\n</system-reminder>"]));
  return join(blocks, ",");
}
