import { type StringValue, type Value, wordOf } from "../../scan.ts";
import {
  type Announced,
  announcedBy,
  isBlank,
  isClientText,
  isCommand,
  isInterruption,
  isSkill,
  isToolLoaded,
  replacesBlock,
} from "./client-text.ts";
import { isReminder } from "./reminder.ts";
import type { Block } from "./turn.ts";

/** A block after a tool result, or the content of a turn that is a string. */
export interface Part {
  readonly value: Value;
  readonly text: StringValue | undefined;
}

/** Who wrote a part. `nobody`: it says nothing, or nothing that the result does not say. */
export type Author = "client" | "user" | "nobody";

/**
 * Tells the user's words after tool results from what Claude Code adds itself. The user's are what follows an interruption, and blocks that
 * bear no mark of the client (docs/claude-code.md has the measured shapes): those come from a user who spoke after a failed request.
 */
export class AfterResults {
  readonly #bytes: Buffer;
  readonly #results: readonly Block[];
  #isInterrupted = false;
  /** Whether the user invoked a slash command. */
  #hasCommand = false;
  /** How many texts of skills have come. Each comes as one block. */
  #skillTexts = 0;

  constructor(bytes: Buffer, results: readonly Block[]) {
    this.#bytes = bytes;
    this.#results = results;
  }

  /** One author for each part. */
  authorsOf(parts: readonly Part[]): Author[] {
    return parts.map(({ text }) => (text ? this.#authorOf(text) : this.#authorOfBlock()));
  }

  // --- internal ---

  #authorOf(text: StringValue): Author {
    // First, because most texts here are reminders, which need not be decoded.
    if (isReminder(this.#bytes, text)) return "client";
    if (isBlank(this.#bytes, text)) return "nobody";
    if (isToolLoaded(this.#bytes, text) && this.#results.some(namesTools)) return "nobody";
    if (replacesBlock(this.#bytes, text)) return this.#authorOfBlock();
    if (isSkill(this.#bytes, text)) return this.#authorOfSkill();
    if (isInterruption(this.#bytes, text)) this.#isInterrupted = true;
    else if (!isClientText(this.#bytes, text)) return this.#authorOfUnmarked(text);
    return "client";
  }

  /** The text of a skill that the user invoked goes with the user's command. */
  #authorOfSkill(): Author {
    this.#skillTexts++;
    return this.#hasCommand ? "user" : "client";
  }

  #authorOfUnmarked(text: StringValue): Author {
    if (!this.#isInterrupted && this.#announced("skill") > this.#skillTexts) {
      this.#skillTexts++;
      return "client";
    }
    this.#hasCommand ||= isCommand(this.#bytes, text);
    return "user";
  }

  /** The pages of a PDF come as images without a word. */
  #authorOfBlock(): Author {
    return !this.#isInterrupted && this.#announced("pdf") > 0 ? "client" : "user";
  }

  #announced(what: Announced): number {
    return this.#results.filter(({ content }) => {
      const text = content?.kind === "array" ? textIn(content.items[0]) : content;
      return text?.kind === "string" && announcedBy(this.#bytes, text) === what;
    }).length;
  }
}

// --- internal ---

function textIn(block: Value | undefined): Value | undefined {
  return block?.kind === "object" && wordOf(block.members.type) === "text" ? block.members.text : undefined;
}

function namesTools({ content }: Block): boolean {
  return content?.kind === "array" && content.items.some(isToolReference);
}

function isToolReference(block: Value): boolean {
  return block.kind === "object" && wordOf(block.members.type) === "tool_reference";
}
