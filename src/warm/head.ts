import { Unscannable } from "../rewrite/scan.ts";
import { splice } from "../rewrite/splice.ts";
import { oneTokenEdits, readWarmable, type Turn, type WarmableBody } from "./body.ts";

/**
 * The head of a request as a warm-up: the request with everything before the user's words and nothing else. That is the system prompt, the
 * tools, and the client's own reminders at the start of the first user turn. The words are replaced by a one-character text, and `metadata`, which names
 * the user, is emptied. Returns `undefined` if the body cannot be read or does not start with a user turn. Pure; never throws.
 */
export function headOf(bytes: Buffer): Buffer | undefined {
  const body = readWarmable(bytes);
  const [first] = body?.turns ?? [];
  if (!body || !first?.isUser) return undefined;
  const blocks = remindersOf(first).flatMap(({ start, end }) => [{ start, end }, ","]);
  const content = [...blocks, '{"type":"text","text":"."}'];
  const { metadata } = body.root.members;
  return splice(bytes, [
    { ...spanOf(body), pieces: ['{"role":"user","content":[', ...content, "]}"] },
    ...(metadata ? [{ start: metadata.start, end: metadata.end, pieces: ["{}"] }] : []),
    ...oneTokenEdits(body),
  ]);
}

/**
 * What makes two heads of one project: the working directory that the client writes into its prompt. Without one, all of the head; then
 * every change of it is a project of its own.
 */
export function projectOf(head: Buffer): string {
  return (
    /orking directory: ([^"\\]{1,1024})/.exec(head.toString("latin1"))?.[1] ?? Bun.hash(head).toString(36)
  );
}

/** What `projectOf` gives for the heads of a client that works in this directory. */
export function projectAt(directory: string): string {
  const quoted = Buffer.from(JSON.stringify(directory)).toString("latin1");
  return /^"([^"\\]{1,1024})/.exec(quoted)?.[1] ?? directory;
}

// --- internal ---

const OPEN = "<system-reminder>";
const CLOSE = "</system-reminder>";

/** The leading blocks that are reminders of the client, before the first block that may hold the user's words. */
function remindersOf({ blocks }: Turn): Turn["blocks"] {
  const words = blocks.findIndex((block) => !isReminder(textIn(block)));
  return words < 0 ? blocks : blocks.slice(0, words);
}

function textIn(block: Turn["blocks"][number]): string | undefined {
  try {
    return block.text();
  } catch (error) {
    if (error instanceof Unscannable) return undefined;
    throw error;
  }
}

/** One reminder and nothing outside of its tags: in `<system-reminder>…</system-reminder> words <system-reminder>…</system-reminder>` are words. */
function isReminder(text: string | undefined): boolean {
  const trimmed = text?.trim() ?? "";
  return (
    trimmed.startsWith(OPEN) &&
    trimmed.endsWith(CLOSE) &&
    trimmed.indexOf(CLOSE) === trimmed.length - CLOSE.length
  );
}

function spanOf({ turns }: WarmableBody): { start: number; end: number } {
  return { start: turns[0]!.start, end: turns.at(-1)!.end };
}
