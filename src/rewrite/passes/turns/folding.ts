import { removals } from "../../json-bytes.ts";
import type { Findings, RewriteContext } from "../../pass.ts";
import { type Span, type StringValue, Unscannable, type Value } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { isMarker, isMarkerBlock } from "./marker.ts";
import { NewUserTurn } from "./new-user-turn.ts";
import { Opening } from "./opening.ts";
import { noRepairs, notesOf } from "./repairs.ts";
import { nameLoadedTools } from "./tool-result.ts";
import { blocksIn, readTurn, type Turn } from "./turn.ts";
import { UserTurn, type Work } from "./user-turn.ts";

/** A user turn (or a system turn that becomes one) and what is put into it. */
interface Host {
  fold(texts: readonly StringValue[]): void;
  /** Whether the user turn after it is joined. */
  takes(turn: Turn): boolean;
  join(turn: Turn): void;
  edits(): readonly Edit[];
}

/** One walk over the turns of one body. */
export class Folding {
  readonly #work: Work;
  readonly #opening: Opening;
  readonly #toolNames: Edit[] = [];
  readonly #hosts: Host[] = [];
  /** Indices of turns. */
  readonly #removed: number[] = [];
  /** The user turn that the last turn is or went into; `undefined` after an assistant turn. */
  #host: Host | undefined;

  constructor(bytes: Buffer, context: RewriteContext) {
    this.#work = { bytes, context, repairs: noRepairs() };
    this.#opening = new Opening(bytes);
  }

  /**
   * Throws `Unscannable` if a turn has an unknown shape, or if no turn would be left. `isPromptFirst`: a system turn at the very
   * beginning is the system prompt and stays.
   */
  fold(turns: readonly Value[], isPromptFirst: boolean): Findings {
    turns.forEach((value, index) => {
      const turn = readTurn(value);
      if (index > 0 || turn.role !== "system" || !isPromptFirst) this.#take(turn, index);
    });
    return { edits: this.#edits(turns), notes: notesOf(this.#work.repairs) };
  }

  // --- internal ---

  #take(turn: Turn, index: number): void {
    if (turn.role === "system") this.#takeSystem(turn, index);
    else if (turn.role === "user") this.#takeUser(turn, index);
    else {
      this.#host = undefined;
      this.#opening.close();
    }
  }

  #takeSystem(turn: Turn, index: number): void {
    const texts = this.#withoutMarkers(systemTexts(turn));
    if (this.#host === undefined && texts.length > 0) this.#begin(new NewUserTurn(this.#work, turn));
    else this.#removed.push(index);
    if (texts.length === 0) return;
    const { front } = this.#opening;
    if (front) front.foldInFront(texts);
    else this.#host?.fold(texts);
    this.#work.repairs.folded++;
  }

  #takeUser(turn: Turn, index: number): void {
    if (this.#isOnlyMarkers(turn)) {
      this.#removed.push(index);
      this.#work.repairs.markersDropped++;
      return;
    }
    if (this.#host?.takes(turn)) {
      this.#removed.push(index);
      this.#host.join(turn);
      this.#opening.continue(turn);
      this.#work.repairs.turnsJoined++;
    } else {
      const host = new UserTurn(this.#work, turn);
      this.#begin(host);
      this.#opening.begin(host, turn);
    }
    this.#nameTools(turn);
  }

  #begin(host: Host): void {
    this.#hosts.push(host);
    this.#host = host;
  }

  #nameTools(turn: Turn): void {
    for (const block of blocksIn(turn)) {
      if (!block.isResult) continue;
      for (const edit of nameLoadedTools(this.#work.bytes, block)) {
        this.#toolNames.push(edit);
        this.#work.repairs.toolsNamed++;
      }
    }
  }

  #withoutMarkers(texts: readonly StringValue[]): StringValue[] {
    const kept = texts.filter((text) => !isMarker(this.#work.bytes, text));
    this.#work.repairs.markersDropped += texts.length - kept.length;
    return kept;
  }

  #isOnlyMarkers({ content }: Turn): boolean {
    if ("kind" in content) return isMarker(this.#work.bytes, content);
    return content.length > 0 && content.every((block) => isMarkerBlock(this.#work.bytes, block));
  }

  #edits(turns: readonly Span[]): Edit[] {
    if (turns.length > 0 && this.#removed.length === turns.length)
      throw new Unscannable("no turn would be left");
    const edits = [...this.#toolNames, ...removals(turns, this.#removed)];
    // Not `flatMap`: most hosts have no edit, and there are hundreds.
    for (const host of this.#hosts) for (const edit of host.edits()) edits.push(edit);
    return edits;
  }
}

/** The texts that are not empty. */
function systemTexts({ content, value }: Turn): StringValue[] {
  if ("kind" in content) return [content].filter(isNotEmpty);
  const texts = content.map((block) => {
    if (block.text) return block.text;
    throw new Unscannable(`a system turn with a block that is not text at byte ${value.start}`);
  });
  return texts.filter(isNotEmpty);
}

function isNotEmpty({ start, end }: StringValue): boolean {
  return end - start > '""'.length;
}
