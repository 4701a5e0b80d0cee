import { AnswerParser } from "./answer-parser.ts";
import { type AssistantTurn, AssistantTurnCollector } from "./assistant-turn.ts";
import { type Usage, UsageCollector } from "./usage.ts";

/** Reads the usage and the assistant turn of one answer with one parser; otherwise like `UsageReader` and `AssistantTurnReader`. */
export class AnswerReader {
  readonly #usage = new UsageCollector();
  readonly #turn = new AssistantTurnCollector();
  readonly #parser: AnswerParser;

  /** Without `keepTurn`, `turn` stays `undefined`, and most events need not be parsed. */
  constructor(contentType: string, { keepTurn }: { readonly keepTurn: boolean }) {
    this.#parser = new AnswerParser(contentType, keepTurn ? [this.#usage, this.#turn] : [this.#usage]);
  }

  get isStream(): boolean {
    return this.#parser.isStream;
  }

  push(chunk: Uint8Array): void {
    this.#parser.push(chunk);
  }

  get tokenSeen(): boolean {
    return this.isStream && this.#usage.tokenSeen;
  }

  get usage(): Usage {
    this.#parser.settle();
    return this.#usage.usage;
  }

  get turn(): AssistantTurn | undefined {
    this.#parser.settle();
    return this.#turn.turn;
  }
}
