import { type RawValue, replacement, textBlock, userTurn } from "../../json-bytes.ts";
import type { StringValue } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { valuesOf } from "./moved.ts";
import { asReminder } from "./reminder.ts";
import type { Turn } from "./turn.ts";

/** The user turn that a system turn becomes if there is none right before it. */
export class NewUserTurn {
  readonly #bytes: Buffer;
  readonly #turn: Turn;
  readonly #blocks: RawValue[] = [];

  constructor(bytes: Buffer, turn: Turn) {
    this.#bytes = bytes;
    this.#turn = turn;
  }

  /** Puts the texts of a system turn at the end of this one. */
  fold(texts: readonly StringValue[]): void {
    for (const text of texts) this.#blocks.push(textBlock(asReminder(this.#bytes, text)));
  }

  /** Takes over the blocks of the user turn after it. */
  join(turn: Turn): void {
    for (const value of valuesOf(this.#bytes, turn)) this.#blocks.push(value);
  }

  edits(): Edit[] {
    return [replacement(this.#turn.value, userTurn(this.#blocks))];
  }
}
