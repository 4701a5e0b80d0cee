import { isReminder } from "./reminder.ts";
import { hasResult, type Turn } from "./turn.ts";
import type { UserTurn } from "./user-turn.ts";

/**
 * The user turns before the first assistant turn, as long as a system turn after them may still go to their very front. Claude Code
 * sends a mentioned file as turns of reminders before the turn with the user's words (docs/claude-code.md). A system turn that
 * comes after the user spoke a second time (after an interruption) must not go there: the first request did not have it.
 */
export class Opening {
  readonly #bytes: Buffer;
  #front: UserTurn | undefined;
  #isOver = false;
  #hasWords = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The conversation's first user turn; `undefined` unless a system turn may go before all that is in it. */
  get front(): UserTurn | undefined {
    return this.#isOver ? undefined : this.#front;
  }

  /** A user turn begins. */
  begin(host: UserTurn, turn: Turn): void {
    this.#front ??= host;
    this.continue(turn);
  }

  /** A user turn joins the one before. */
  continue(turn: Turn): void {
    if (this.#hasWords || hasResult(turn)) this.close();
    this.#hasWords ||= !isOnlyReminders(this.#bytes, turn);
  }

  close(): void {
    this.#isOver = true;
  }
}

// --- internal ---

function isOnlyReminders(bytes: Buffer, { content }: Turn): boolean {
  if ("kind" in content) return isReminder(bytes, content);
  return content.every((block) => block.text !== undefined && isReminder(bytes, block.text));
}
