import { type RawValue, replacement, textBlock, userTurn } from "../../json-bytes.ts";
import type { RewriteContext } from "../../pass.ts";
import type { StringValue } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { blockOf, partsOf } from "./moved.ts";
import { asReminder } from "./reminder.ts";
import { hasResult, type Turn } from "./turn.ts";

import type { Work } from "./user-turn.ts";

/** The user turn that a system turn becomes if there is none right before it. */
export class NewUserTurn {
  readonly #bytes: Buffer;
  readonly #context: RewriteContext;
  readonly #turn: Turn;
  readonly #blocks: RawValue[] = [];

  constructor({ bytes, context }: Work, turn: Turn) {
    this.#bytes = bytes;
    this.#context = context;
    this.#turn = turn;
  }

  /** Puts the texts of a system turn at the end of this one. */
  fold(texts: readonly StringValue[]): void {
    for (const text of texts) this.#blocks.push(textBlock(asReminder(this.#bytes, text)));
  }

  /** Whether the user turn after it is joined. */
  takes(turn: Turn): boolean {
    return this.#context.strictAlternation === true && !hasResult(turn);
  }

  /** Takes over the parts of the user turn after it. */
  join(turn: Turn): void {
    for (const part of partsOf(this.#bytes, turn)) this.#blocks.push(blockOf(this.#bytes, part));
  }

  edits(): Edit[] {
    return [replacement(this.#turn.value, userTurn(this.#blocks))];
  }
}
