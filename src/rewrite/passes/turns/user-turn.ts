import { insertion, join, type RawValue, removals, textBlock, userTurn } from "../../json-bytes.ts";
import type { RewriteContext } from "../../pass.ts";
import type { StringValue } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { isMarkerBlock } from "./marker.ts";
import { additionOf, additionsOf, valuesOf } from "./moved.ts";
import { asReminder, isReminder, rawOf } from "./reminder.ts";
import type { Repairs } from "./repairs.ts";
import { type Addition, appendToResult } from "./tool-result.ts";
import { type Block, blocksIn, type Turn } from "./turn.ts";

/** What all turns of one body share. */
export interface Work {
  readonly bytes: Buffer;
  readonly context: RewriteContext;
  readonly repairs: Repairs;
}

/** A user turn of the client, changed in place. */
export class UserTurn {
  readonly #work: Work;
  readonly #turn: Turn;
  readonly #blocks: readonly Block[];
  /** The last `tool_result`. */
  readonly #result: Block | undefined;
  /** Until other words are joined: a text that was said after those must not move before the first ones. */
  #foldsBeforeWords: boolean;
  /** Most turns of a long history have none. */
  #changes: Changes | undefined;

  /** `isFirst`: the conversation's first user turn. */
  constructor(work: Work, turn: Turn, isFirst: boolean) {
    this.#work = work;
    this.#turn = turn;
    this.#blocks = blocksIn(turn);
    this.#result = this.#blocks.findLast((block) => block.isResult);
    this.#foldsBeforeWords = isFirst;
    // A single block has nothing to move after, and a turn that is nothing but a marker never gets here.
    if (this.#blocks.length > 1) this.#sortBlocks();
  }

  /** Puts the texts of a system turn into this one. */
  fold(texts: readonly StringValue[]): void {
    const { intoResult, beforeWords, atEnd } = this.#changed();
    for (const text of texts) {
      const reminder = asReminder(this.#work.bytes, text);
      if (this.#result) intoResult.push({ text: reminder });
      else if (this.#foldsBeforeWords) beforeWords.push(textBlock(reminder));
      else atEnd.push(textBlock(reminder));
    }
  }

  /** Takes over the blocks of the user turn after it. */
  join(turn: Turn): void {
    const { intoResult, atEnd } = this.#changed();
    this.#foldsBeforeWords = false;
    // One by one: a spread passes each as an argument, and a call takes only about 100 000.
    if (this.#result) {
      for (const addition of additionsOf(this.#work.bytes, turn)) intoResult.push(addition);
    } else {
      for (const value of valuesOf(this.#work.bytes, turn)) atEnd.push(value);
    }
  }

  edits(): readonly Edit[] {
    if (!this.#changes) return NO_EDITS;
    const { intoResult, turnAfter } = this.#changes;
    const appended = this.#result ? appendToResult(this.#work.bytes, this.#result, intoResult) : NO_EDITS;
    const after =
      turnAfter.length === 0 ? [] : [insertion(this.#turn.value.end, [",", ...userTurn(turnAfter)])];
    return [...appended, ...this.#contentEdits(this.#changes), ...after];
  }

  // --- internal ---

  #changed(): Changes {
    this.#changes ??= new Changes();
    return this.#changes;
  }

  /** Decides for each block whether it stays, goes into the last result, or goes into a turn after this one. */
  #sortBlocks(): void {
    let hadResult = false;
    for (let index = 0; index < this.#blocks.length; index++) {
      const block = this.#blocks[index]!;
      hadResult ||= block.isResult;
      if (isMarkerBlock(this.#work.bytes, block)) {
        this.#changed().removed.push(index);
        this.#work.repairs.markersDropped++;
      } else if (hadResult && !block.isResult) {
        this.#changed().removed.push(index);
        this.#moveAfterResults(block, this.#changed());
      }
    }
  }

  #moveAfterResults(block: Block, { intoResult, turnAfter }: Changes): void {
    const { bytes, context, repairs } = this.#work;
    if (block.text && isReminder(bytes, block.text)) {
      intoResult.push({ text: rawOf(bytes, block.text) });
      repairs.remindersMoved++;
      return;
    }
    if (context.strictAlternation) intoResult.push(additionOf(bytes, block));
    else turnAfter.push([block.value]);
    repairs.ownWordsMoved++;
  }

  #contentEdits(changes: Changes): Edit[] {
    const { removed, beforeWords, atEnd } = changes;
    const { content } = this.#turn;
    if ("kind" in content) return stringEdits(content, changes);
    if (removed.length + beforeWords.length + atEnd.length === 0) return [];
    const edits = removals(
      this.#blocks.map((block) => block.value),
      removed,
    );
    const words = beforeWords.length > 0 ? this.#lastWords() : undefined;
    if (words) edits.push(insertion(words.value.start, [...join(beforeWords, ","), ","]));
    const last = words ? atEnd : [...beforeWords, ...atEnd];
    if (last.length > 0) edits.push(this.#append(last, removed.length));
    return edits;
  }

  /** The last text that stays, in a turn without results, where only markers are removed. */
  #lastWords(): Block | undefined {
    return this.#blocks.findLast((block) => block.text && !isMarkerBlock(this.#work.bytes, block));
  }

  #append(values: readonly RawValue[], removed: number): Edit {
    // In an empty content array the place is before its closing bracket.
    const at = this.#blocks.at(-1)?.value.end ?? this.#turn.value.members.content!.end - 1;
    return insertion(at, [this.#blocks.length > removed ? "," : "", ...join(values, ",")]);
  }
}

// --- internal ---

/** What is put into, moved out of, and removed from a user turn. */
class Changes {
  /** The indices of its blocks that do not stay in place, in ascending order. */
  readonly removed: number[] = [];
  readonly intoResult: Addition[] = [];
  readonly beforeWords: RawValue[] = [];
  readonly atEnd: RawValue[] = [];
  readonly turnAfter: RawValue[] = [];
}

const NO_EDITS: readonly never[] = [];

/** A string becomes an array of blocks only if something joins it. */
function stringEdits({ start, end }: StringValue, { beforeWords, atEnd }: Changes): Edit[] {
  if (beforeWords.length + atEnd.length === 0) return [];
  const before = beforeWords.flatMap((block) => [...block, ","]);
  const after = atEnd.flatMap((block) => [",", ...block]);
  return [insertion(start, ["[", ...before, '{"type":"text","text":']), insertion(end, ["}", ...after, "]"])];
}
