import { insertion, join, type RawValue, removals, replacement, textBlock, userTurn } from "./json-bytes.ts";
import { asReminder, asUsersWords, isMarker, isReminder, rawOf } from "./reminder.ts";
import { type Document, type Span, type StringValue, Unscannable } from "./scan.ts";
import type { Edit } from "./splice.ts";
import { type Addition, appendToResult, loadedTool, nameLoadedTools } from "./tool-result.ts";
import { type Block, readTurn, type Turn, turnsIn } from "./turns.ts";

/** How often each repair was made; for `--verbose`. */
export interface TurnRepairs {
  folded: number;
  remindersMoved: number;
  ownWordsMoved: number;
  markersDropped: number;
  toolsNamed: number;
  turnsJoined: number;
}

/**
 * The edits that let every chat template render `messages` in the order in which they were said:
 *
 * - A `system` turn is folded into the user turn before it: into the text of its last `tool_result`; in the
 *   conversation's first user turn before the user's own words (so that two sessions of one project share all before
 *   them); else behind its last block. Without a user turn right before it, it becomes one.
 * - Text behind `tool_result` blocks, which llama-server would render before them (server-chat.cpp): reminders go into the
 *   last result, the user's own words become a turn behind the results. Where the template demands that user and
 *   assistant alternate, they go into the result too, under a line that says whose they are, and user turns in a row are joined.
 * - `<total_tokens>` markers are dropped; `tool_reference` blocks become texts.
 *
 * What each turn becomes depends on itself, the user turn before it and the system turns behind it only: the history of
 * turn n stays a prefix of that of turn n+1. Throws `Unscannable` on shapes that are not known: then nothing is edited.
 */
export function turnEdits(
  document: Document,
  strictAlternation: boolean,
): { edits: Edit[]; repairs: TurnRepairs } {
  const folding = new Folding(document.bytes, strictAlternation);
  const turns = turnsIn(document);
  turns.forEach((turn, index) => {
    folding.take(readTurn(turn), index);
  });
  return { edits: folding.edits(turns), repairs: folding.repairs };
}

// --- internal ---

/** A user turn (or a system turn that becomes one) and what is put into it. */
interface Host {
  fold(texts: readonly StringValue[]): void;
  /** Takes over the blocks of the user turn behind it. */
  join(turn: Turn): void;
  edits(): readonly Edit[];
}

/** Walks over the turns once; `host` is the user turn that the last turn was or went into. */
class Folding {
  readonly repairs: TurnRepairs = {
    folded: 0,
    remindersMoved: 0,
    ownWordsMoved: 0,
    markersDropped: 0,
    toolsNamed: 0,
    turnsJoined: 0,
  };
  private readonly bytes: Buffer;
  private readonly strictAlternation: boolean;
  private readonly toolNames: Edit[] = [];
  private readonly hosts: Host[] = [];
  private readonly removed: number[] = [];
  private host: Host | undefined;
  private hadUserTurn = false;

  constructor(bytes: Buffer, strictAlternation: boolean) {
    this.bytes = bytes;
    this.strictAlternation = strictAlternation;
  }

  take(turn: Turn, index: number): void {
    if (turn.role === "system") this.takeSystem(turn, index);
    else if (turn.role === "user") this.takeUser(turn, index);
    else this.host = undefined;
  }

  /** Of all turns, which must be the ones taken. */
  edits(turns: readonly Span[]): Edit[] {
    if (turns.length > 0 && this.removed.length === turns.length)
      throw new Unscannable("no turn would be left");
    const edits = [...this.toolNames, ...removals(turns, this.removed)];
    // Not `flatMap`: most hosts have no edit, and there are hundreds.
    for (const host of this.hosts) for (const edit of host.edits()) edits.push(edit);
    return edits;
  }

  private takeSystem(turn: Turn, index: number): void {
    const texts = this.withoutMarkers(systemTexts(turn));
    if (this.host === undefined && texts.length > 0) this.begin(new NewUserTurn(this.bytes, turn));
    else this.removed.push(index);
    if (texts.length === 0) return;
    this.host?.fold(texts);
    this.repairs.folded++;
  }

  private takeUser(turn: Turn, index: number): void {
    if (this.isOnlyMarkers(turn)) {
      this.removed.push(index);
      this.repairs.markersDropped++;
      return;
    }
    if (this.strictAlternation && this.host && !hasResult(turn)) {
      this.removed.push(index);
      this.host.join(turn);
      this.repairs.turnsJoined++;
    } else {
      this.begin(new UserTurn(this.bytes, turn, !this.hadUserTurn, this.strictAlternation, this.repairs));
    }
    this.hadUserTurn = true;
    this.nameTools(turn);
  }

  private nameTools(turn: Turn): void {
    for (const block of blocksIn(turn)) {
      if (!block.isResult) continue;
      for (const edit of nameLoadedTools(block)) {
        this.toolNames.push(edit);
        this.repairs.toolsNamed++;
      }
    }
  }

  private begin(host: Host): void {
    this.hosts.push(host);
    this.host = host;
  }

  private withoutMarkers(texts: readonly StringValue[]): StringValue[] {
    const kept = texts.filter((text) => !isMarker(this.bytes, text));
    this.repairs.markersDropped += texts.length - kept.length;
    return kept;
  }

  private isOnlyMarkers({ content }: Turn): boolean {
    if ("kind" in content) return isMarker(this.bytes, content);
    return content.length > 0 && content.every((block) => isMarkerBlock(this.bytes, block));
  }
}

/** What is put into, moved out of and taken away from a user turn. */
class Changes {
  /** The indices of its blocks that do not stay where they are, in ascending order. */
  readonly removed: number[] = [];
  readonly intoResult: Addition[] = [];
  readonly beforeWords: RawValue[] = [];
  readonly atEnd: RawValue[] = [];
  readonly turnBehind: RawValue[] = [];
}

/** A user turn of the client, changed in place. */
class UserTurn implements Host {
  private readonly bytes: Buffer;
  private readonly turn: Turn;
  private readonly blocks: readonly Block[];
  private readonly result: Block | undefined;
  private readonly strictAlternation: boolean;
  private readonly repairs: TurnRepairs;
  /** As long as the conversation's first words are the last: what was said behind other words must not move before these. */
  private foldsBeforeWords: boolean;
  /** Most turns of a long history have none. */
  private changes: Changes | undefined;

  constructor(bytes: Buffer, turn: Turn, isFirst: boolean, strictAlternation: boolean, repairs: TurnRepairs) {
    this.bytes = bytes;
    this.turn = turn;
    this.blocks = blocksIn(turn);
    this.result = this.blocks.findLast(isResult);
    this.foldsBeforeWords = isFirst;
    this.strictAlternation = strictAlternation;
    this.repairs = repairs;
    // A block alone has nothing to be put behind; a turn that is nothing but a marker never comes here.
    if (this.blocks.length > 1) this.sortBlocks();
  }

  fold(texts: readonly StringValue[]): void {
    const { intoResult, beforeWords, atEnd } = this.changed();
    for (const text of texts) {
      const reminder = asReminder(this.bytes, text);
      if (this.result) intoResult.push({ text: reminder });
      else if (this.foldsBeforeWords) beforeWords.push(textBlock(reminder));
      else atEnd.push(textBlock(reminder));
    }
  }

  join(turn: Turn): void {
    const { intoResult, atEnd } = this.changed();
    this.foldsBeforeWords = false;
    // One by one: a spread would pass each as an argument, of which a call takes some 100 000.
    if (this.result) {
      for (const addition of additionsOf(this.bytes, turn)) intoResult.push(addition);
    } else {
      for (const block of blocksOf(this.bytes, turn)) atEnd.push(block);
    }
  }

  edits(): readonly Edit[] {
    if (!this.changes) return NOTHING;
    const { intoResult, turnBehind } = this.changes;
    const appended = this.result ? appendToResult(this.bytes, this.result, intoResult) : [];
    const behind =
      turnBehind.length === 0 ? [] : [insertion(this.turn.value.end, [",", ...userTurn(turnBehind)])];
    return [...appended, ...this.contentEdits(this.changes), ...behind];
  }

  private changed(): Changes {
    this.changes ??= new Changes();
    return this.changes;
  }

  /** Decides for each block whether it stays, goes into the last result, or into a turn behind this one. */
  private sortBlocks(): void {
    let hadResult = false;
    for (let index = 0; index < this.blocks.length; index++) {
      const block = this.blocks[index]!;
      hadResult ||= block.isResult;
      if (isMarkerBlock(this.bytes, block)) {
        this.changed().removed.push(index);
        this.repairs.markersDropped++;
      } else if (hadResult && !block.isResult) {
        this.changed().removed.push(index);
        this.moveBehindResult(block, this.changed());
      }
    }
  }

  private moveBehindResult(block: Block, { intoResult, turnBehind }: Changes): void {
    if (block.text && isReminder(this.bytes, block.text)) {
      intoResult.push({ text: rawOf(this.bytes, block.text) });
      this.repairs.remindersMoved++;
      return;
    }
    if (this.strictAlternation) intoResult.push(additionOf(this.bytes, block));
    else turnBehind.push([block.value]);
    this.repairs.ownWordsMoved++;
  }

  private contentEdits(changes: Changes): Edit[] {
    const { removed, beforeWords, atEnd } = changes;
    const { content } = this.turn;
    if ("kind" in content) return stringEdits(content, changes);
    if (removed.length + beforeWords.length + atEnd.length === 0) return [];
    const edits = removals(
      this.blocks.map((block) => block.value),
      removed,
    );
    const words = beforeWords.length > 0 ? this.lastWords() : undefined;
    if (words) edits.push(insertion(words.value.start, [...join(beforeWords, ","), ","]));
    const behind = words ? atEnd : [...beforeWords, ...atEnd];
    if (behind.length > 0) edits.push(this.append(behind, removed.length));
    return edits;
  }

  /** The last text that stays, in a turn without results: there only markers do not. */
  private lastWords(): Block | undefined {
    return this.blocks.findLast((block) => block.text && !isMarkerBlock(this.bytes, block));
  }

  private append(blocks: readonly RawValue[], removed: number): Edit {
    const last = this.blocks.at(-1);
    // An empty content array: right behind its bracket, which is the last byte but one of what the scan found.
    const at = last?.value.end ?? this.turn.value.members.content!.end - 1;
    return insertion(at, [this.blocks.length > removed ? "," : "", ...join(blocks, ",")]);
  }
}

/** A string becomes an array of blocks only when something joins it. */
function stringEdits({ start, end }: StringValue, { beforeWords, atEnd }: Changes): Edit[] {
  if (beforeWords.length + atEnd.length === 0) return [];
  const before = beforeWords.flatMap((block) => [...block, ","]);
  const after = atEnd.flatMap((block) => [",", ...block]);
  return [insertion(start, ["[", ...before, '{"type":"text","text":']), insertion(end, ["}", ...after, "]"])];
}

/** A system turn that has no user turn before it. */
class NewUserTurn implements Host {
  private readonly bytes: Buffer;
  private readonly turn: Turn;
  private readonly blocks: RawValue[] = [];

  constructor(bytes: Buffer, turn: Turn) {
    this.bytes = bytes;
    this.turn = turn;
  }

  fold(texts: readonly StringValue[]): void {
    for (const text of texts) this.blocks.push(textBlock(asReminder(this.bytes, text)));
  }

  join(turn: Turn): void {
    for (const block of blocksOf(this.bytes, turn)) this.blocks.push(block);
  }

  edits(): Edit[] {
    return [replacement(this.turn.value, userTurn(this.blocks))];
  }
}

/** An empty text is none, in either form. */
function systemTexts({ content, value }: Turn): StringValue[] {
  if ("kind" in content) return [content].filter(isNotEmpty);
  const texts = content.map((block) => {
    if (block.text) return block.text;
    throw new Unscannable(`a system turn with a block that is no text at byte ${value.start}`);
  });
  return texts.filter(isNotEmpty);
}

function isNotEmpty({ start, end }: StringValue): boolean {
  return end - start > '""'.length;
}

function hasResult(turn: Turn): boolean {
  return blocksIn(turn).some(isResult);
}

function isResult(block: Block): boolean {
  return block.isResult;
}

function isMarkerBlock(bytes: Buffer, { text }: Block): boolean {
  return text !== undefined && isMarker(bytes, text);
}

const NOTHING: readonly never[] = [];

function blocksIn({ content }: Turn): readonly Block[] {
  return "kind" in content ? NOTHING : content;
}

function blocksOf(bytes: Buffer, { content }: Turn): RawValue[] {
  if ("kind" in content) return [textBlock(rawOf(bytes, content))];
  return content.filter((block) => !isMarkerBlock(bytes, block)).map(({ value }) => [value]);
}

/** The user's words as they go into a tool result. */
function additionsOf(bytes: Buffer, { content }: Turn): Addition[] {
  if ("kind" in content) return [{ text: asUsersWords(bytes, content) }];
  return content.filter((block) => !isMarkerBlock(bytes, block)).map((block) => additionOf(bytes, block));
}

function additionOf(bytes: Buffer, block: Block): Addition {
  const loaded = loadedTool(block.value);
  if (loaded) return { text: loaded };
  if (!block.text) return { block: [block.value] };
  return { text: isReminder(bytes, block.text) ? rawOf(bytes, block.text) : asUsersWords(bytes, block.text) };
}
