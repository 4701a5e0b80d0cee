import { insertion, join, type RawValue, removals, textBlock, userTurn } from "../../json-bytes.ts";
import type { RewriteContext } from "../../pass.ts";
import type { StringValue } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { AfterResults, type Author } from "./after-results.ts";
import { isMarkerBlock } from "./marker.ts";
import { additionOf, blockOf, partsOf } from "./moved.ts";
import { asReminder } from "./reminder.ts";
import type { Repairs } from "./repairs.ts";
import { type Addition, appendToResult } from "./tool-result.ts";
import { type Block, blocksIn, hasResult, type Turn } from "./turn.ts";

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
  /** Most turns of a long history have none. */
  #changes: Changes | undefined;

  constructor(work: Work, turn: Turn) {
    this.#work = work;
    this.#turn = turn;
    this.#blocks = blocksIn(turn);
    this.#result = this.#blocks.findLast((block) => block.isResult);
    // A single block has nothing to move after, and a turn that is nothing but a marker never gets here.
    if (this.#blocks.length > 1) this.#sortBlocks();
  }

  /** Puts the texts of a system turn after everything that is in this one: into its last result if it has one. */
  fold(texts: readonly StringValue[]): void {
    const { intoResult, atEnd } = this.#changed();
    for (const text of texts) {
      const reminder = asReminder(this.#work.bytes, text);
      if (this.#result) intoResult.push({ text: reminder });
      else atEnd.push(textBlock(reminder));
    }
  }

  /** Puts the texts of a system turn before everything that is in this one. */
  foldInFront(texts: readonly StringValue[]): void {
    const { inFront } = this.#changed();
    for (const text of texts) inFront.push(textBlock(asReminder(this.#work.bytes, text)));
  }

  /**
   * Whether the user turn after it is joined: if turns must alternate, or if it has nothing but texts that Claude Code wrote and a
   * result is there to take them.
   */
  takes(turn: Turn): boolean {
    if (hasResult(turn)) return false;
    if (this.#work.context.strictAlternation) return true;
    const parts = partsOf(this.#work.bytes, turn);
    const authors = new AfterResults(this.#work.bytes, []).authorsOf(parts);
    return (
      this.#result !== undefined &&
      parts.every(({ text }, index) => text !== undefined && authors[index] !== "user")
    );
  }

  /** Takes over the parts of the user turn after it. */
  join(turn: Turn): void {
    const { bytes } = this.#work;
    const { intoResult, atEnd } = this.#changed();
    const parts = partsOf(bytes, turn);
    const authors = this.#result && new AfterResults(bytes, []).authorsOf(parts);
    parts.forEach((part, index) => {
      const author = authors?.[index];
      if (author === undefined) atEnd.push(blockOf(bytes, part));
      else if (author !== "nobody") intoResult.push(additionOf(bytes, part, author));
    });
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

  /** Decides for each block whether it stays, goes into the last result, goes into a turn after this one, or goes away. */
  #sortBlocks(): void {
    const late: number[] = [];
    const firstResult = this.#blocks.findIndex((block) => block.isResult);
    this.#blocks.forEach((block, index) => {
      if (isMarkerBlock(this.#work.bytes, block)) {
        this.#changed().removed.push(index);
        this.#work.repairs.markersDropped++;
      } else if (firstResult >= 0 && index > firstResult && !block.isResult) {
        this.#changed().removed.push(index);
        late.push(index);
      }
    });
    if (late.length > 0) this.#moveAfterResults(late.map((index) => this.#blocks[index]!));
  }

  #moveAfterResults(late: readonly Block[]): void {
    const results = this.#blocks.filter((block) => block.isResult);
    const authors = new AfterResults(this.#work.bytes, results).authorsOf(late);
    late.forEach((block, index) => {
      this.#moveAfterResult(block, authors[index]!);
    });
  }

  #moveAfterResult(block: Block, author: Author): void {
    const { bytes, context, repairs } = this.#work;
    const { intoResult, turnAfter } = this.#changed();
    if (author === "nobody") repairs.redundantDropped++;
    else if (author === "client") repairs.clientTextsMoved++;
    else repairs.ownWordsMoved++;
    if (author === "client" || (author === "user" && context.strictAlternation))
      intoResult.push(additionOf(bytes, block, author));
    else if (author === "user") turnAfter.push([block.value]);
  }

  #contentEdits(changes: Changes): Edit[] {
    const { removed, inFront, atEnd } = changes;
    const { content } = this.#turn;
    if ("kind" in content) return stringEdits(content, changes);
    if (removed.length + inFront.length + atEnd.length === 0) return [];
    const values = this.#blocks.map((block) => block.value);
    return [...removals(values, removed), ...this.#insertions(changes)];
  }

  /** At least one block stays in place, unless the content array is empty. */
  #insertions({ inFront, atEnd }: Changes): Edit[] {
    const { start, end } = this.#turn.value.members.content!;
    const [first, last] = [this.#blocks[0]?.value, this.#blocks.at(-1)?.value];
    const edits: Edit[] = [];
    if (inFront.length > 0) {
      const comma = first || atEnd.length > 0 ? "," : "";
      edits.push(insertion(first?.start ?? start + 1, [...join(inFront, ","), comma]));
    }
    if (atEnd.length > 0) edits.push(insertion(last?.end ?? end - 1, [last ? "," : "", ...join(atEnd, ",")]));
    return edits;
  }
}

// --- internal ---

/** What is put into, moved out of, and removed from a user turn. */
class Changes {
  /** The indices of its blocks that do not stay in place, in ascending order. */
  readonly removed: number[] = [];
  readonly intoResult: Addition[] = [];
  readonly inFront: RawValue[] = [];
  readonly atEnd: RawValue[] = [];
  readonly turnAfter: RawValue[] = [];
}

const NO_EDITS: readonly never[] = [];

/** A string becomes an array of blocks only if something joins it. */
function stringEdits({ start, end }: StringValue, { inFront, atEnd }: Changes): Edit[] {
  if (inFront.length + atEnd.length === 0) return [];
  const before = inFront.flatMap((block) => [...block, ","]);
  const after = atEnd.flatMap((block) => [",", ...block]);
  return [insertion(start, ["[", ...before, '{"type":"text","text":']), insertion(end, ["}", ...after, "]"])];
}
