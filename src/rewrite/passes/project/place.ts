import { insertion, join, type RawText, type RawValue, removals, textBlock } from "../../json-bytes.ts";
import { type ArrayValue, type StringValue, textOf, type Value } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { isReminder } from "../turns/reminder.ts";
import { textIn } from "./opening.ts";

/** Texts for the first user turn. */
export interface Placed {
  /** Goes after the reminders that are the same in every project. */
  readonly project: readonly RawText[];
  /** Goes right before the first block that is not a reminder. */
  readonly session: readonly RawText[];
}

/**
 * The edits that put texts as reminders into the content of a user turn. The reminder on attribution, which is the same in every project
 * but comes after CLAUDE.md and git status, goes before them.
 */
export function placeReminders(bytes: Buffer, content: StringValue | ArrayValue, texts: Placed): Edit[] {
  const [project, session] = [texts.project.map(asBlock), texts.session.map(asBlock)];
  if (content.kind === "string") return beforeString(content, [...project, ...session]);
  const reminders = leadingReminders(bytes, content.items);
  const varying = reminders.findIndex((words) => VARYING.test(words));
  const place = varying < 0 ? reminders.length : varying;
  const late = reminders.findIndex((words, index) => index > place && CONSTANT.test(words));
  const constant: RawValue[] = late < 0 ? [] : [[content.items[late]!]];
  return [
    ...removals(content.items, late < 0 ? [] : [late]),
    ...beforeBlock(content, place, [...constant, ...project]),
    ...beforeBlock(content, reminders.length, session),
  ];
}

// --- internal ---

/** CLAUDE.md, git status, and a file that the user mentions. */
const VARYING =
  /^\s*<system-reminder>\s*(?:Called the|Result of calling the)|^Contents of |^# (?:claudeMd|gitStatus)$/m;

const CONSTANT = /^\s*<system-reminder>\s*Attribution for git commits/;

function leadingReminders(bytes: Buffer, blocks: readonly Value[]): string[] {
  const reminders: string[] = [];
  for (const block of blocks) {
    const text = textIn(block);
    if (!text || !isReminder(bytes, text)) break;
    reminders.push(textOf(bytes, text));
  }
  return reminders;
}

function asBlock(text: RawText): RawValue {
  return textBlock(["<system-reminder>\\n", ...text, "\\n</system-reminder>"]);
}

function beforeString({ start, end }: StringValue, blocks: readonly RawValue[]): Edit[] {
  return [insertion(start, ["[", ...join(blocks, ","), ',{"type":"text","text":']), insertion(end, ["}]"])];
}

function beforeBlock({ items, start }: ArrayValue, index: number, blocks: readonly RawValue[]): Edit[] {
  if (blocks.length === 0) return [];
  const next = items[index];
  if (next) return [insertion(next.start, [...join(blocks, ","), ","])];
  const last = items.at(-1);
  return [insertion(last?.end ?? start + 1, [last ? "," : "", ...join(blocks, ",")])];
}
