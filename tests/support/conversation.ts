import { type Json, randomText } from "./json.ts";
import type { Random } from "./seeded.ts";

/**
 * A history in Claude Code's shape that grows turn by turn. Each call of `request` writes the whole history again, as the
 * client does: the same turn now as a string, now as an array of one text block, cache_control here and there, old
 * markers gone.
 */
export interface Conversation {
  /** Appends an answer and what the client sends next. */
  grow(): void;
  /** Appends what the client sends when the user spoke before an answer came: no assistant turn is between them. */
  interrupt(): void;
  /** The `messages` of the next request. */
  request(): Message[];
}

/** A type, not an interface: so that it counts as Json. */
export type Message = { readonly role: string; readonly content: Json };

/** What every text of the client bears, once: tests find it again whatever the text was put into. */
export const MARK = /¶(\d+)\b/g;

export function conversation(random: Random): Conversation {
  const write = new Writer(random);
  const turns: Turn[] = [
    ...(random.chance(0.1) ? write.systems(1) : []),
    write.firstWords(),
    ...write.systems(0),
  ];
  let calls: readonly string[] = [];
  let time = 0;
  return {
    grow(): void {
      time++;
      if (calls.length === 0) calls = random.chance(0.7) ? write.callIds() : [];
      turns.push(write.answer(calls));
      if (random.chance(0.08) && calls.length === 0) turns.push(...write.systems(1));
      turns.push(...(calls.length > 0 ? write.results(calls, time) : [write.words()]));
      turns.push(...write.systems(0), ...write.markers(time));
      calls = random.chance(0.5) ? write.callIds() : [];
    },
    interrupt(): void {
      time++;
      turns.push(write.words(), ...write.systems(0));
    },
    request: (): Message[] => turns.flatMap((turn) => write.message(turn, time, turn === turns.at(-1))),
  };
}

// --- internal ---

interface Turn {
  readonly role: "user" | "assistant" | "system";
  readonly blocks: readonly Part[];
}

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "image"; readonly data: string }
  | { readonly kind: "block"; readonly block: Json }
  | { readonly kind: "result"; readonly id: string; readonly parts: readonly Part[] }
  | { readonly kind: "reference"; readonly tool: string }
  /** Claude Code drops it once it is `until` turns old. */
  | { readonly kind: "marker"; readonly text: string; readonly until: number };

class Writer {
  readonly #random: Random;
  #marks = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  firstWords(): Turn {
    const reminders = this.#random.some(0, 3, () => this.#reminder());
    return { role: "user", blocks: [...reminders, ...this.#image(0.1), this.#text()] };
  }

  words(): Turn {
    const before = this.#random.chance(0.2) ? [this.#reminder()] : [];
    return { role: "user", blocks: [...before, this.#text(), ...this.#image(0.1)] };
  }

  systems(least: number): Turn[] {
    const most = this.#random.chance(0.5) ? least : 2;
    return this.#random.some(least, Math.max(least, most), () => ({
      role: "system",
      blocks: [this.#random.chance(0.3) ? this.#reminder() : this.#text()],
    }));
  }

  callIds(): string[] {
    return this.#random.some(1, 3, () => `toolu_${this.#mark()}`);
  }

  answer(calls: readonly string[]): Turn {
    const thinking = this.#random.chance(0.3)
      ? [{ type: "thinking", thinking: this.#words_(), signature: "s" }]
      : [];
    const text =
      calls.length === 0 || this.#random.chance(0.5) ? [{ type: "text", text: this.#words_() }] : [];
    const uses = calls.map((id) => ({
      type: "tool_use",
      id,
      name: "Bash",
      input: { system: this.#words_() },
    }));
    return {
      role: "assistant",
      blocks: [...thinking, ...text, ...uses].map((block) => ({ kind: "block", block })),
    };
  }

  /** The results of parallel calls stand in one turn, or each in a turn of its own. */
  results(calls: readonly string[], time: number): Turn[] {
    const results = calls.map((id): Part => ({ kind: "result", id, parts: this.#returned() }));
    const late = this.#random.chance(0.5) ? [] : this.#random.some(1, 3, () => this.#late(time));
    if (this.#random.chance(0.8)) return [{ role: "user", blocks: [...results, ...late] }];
    return results.map((result, at) => ({
      role: "user",
      blocks: at === results.length - 1 ? [result, ...late] : [result],
    }));
  }

  /** A turn of its own that holds nothing but a marker. */
  markers(time: number): Turn[] {
    if (this.#random.chance(0.85)) return [];
    return [{ role: this.#random.pick(["user", "system"]), blocks: [this.#marker(time)] }];
  }

  /** The turn as it is sent at `time`; none when all of it was pruned. */
  message({ role, blocks }: Turn, time: number, isLast: boolean): Message[] {
    const parts = blocks.filter((part) => part.kind !== "marker" || part.until > time);
    if (parts.length === 0) return [];
    const [only] = parts;
    const isText = parts.length === 1 && (only?.kind === "text" || only?.kind === "marker");
    if (isText && !isLast && this.#random.chance(0.6)) return [{ role, content: only.text }];
    const cached = isLast || this.#random.chance(0.1);
    return [{ role, content: parts.map((part, at) => this.#block(part, cached && at === parts.length - 1)) }];
  }

  #block(part: Part, cached: boolean): Json {
    const block = this.#bareBlock(part);
    return cached && typeof block === "object" ? { ...block, cache_control: { type: "ephemeral" } } : block;
  }

  #bareBlock(part: Part): Json {
    if (part.kind === "block") return part.block;
    if (part.kind === "image") {
      return { type: "image", source: { type: "base64", media_type: "image/png", data: part.data } };
    }
    if (part.kind === "reference") return { type: "tool_reference", tool_name: part.tool };
    if (part.kind === "result") return this.#result(part.id, part.parts);
    return { type: "text", text: part.text };
  }

  /** Nothing returned may be written in five ways, one text in two. */
  #result(id: string, parts: readonly Part[]): Json {
    const block = { type: "tool_result", tool_use_id: id };
    const [only] = parts;
    if (parts.length === 0) {
      const empty = this.#random.pick<Json | undefined>([
        "",
        [],
        [{ type: "text", text: "" }],
        null,
        undefined,
      ]);
      return empty === undefined ? block : { ...block, content: empty };
    }
    if (parts.length === 1 && only?.kind === "text" && this.#random.chance(0.5)) {
      return { content: only.text, ...block };
    }
    return { ...block, content: parts.map((part) => this.#bareBlock(part)), is_error: false };
  }

  #returned(): Part[] {
    return this.#random.pick<() => Part[]>([
      () => [],
      () => [this.#text()],
      () => [this.#text()],
      () => [this.#text(), this.#text()],
      () => [{ kind: "text", text: `Launching skill: ${this.#words_()}` }],
      () => this.#image(1),
      () => [this.#text(), ...this.#image(1)],
      () => [...this.#image(1), this.#text()],
      () => this.#random.some(1, 3, () => ({ kind: "reference", tool: `Tool¶${this.#mark()}` })),
    ])();
  }

  #late(time: number): Part {
    return this.#random.pick<() => Part>([
      () => this.#reminder(),
      () => this.#clientText(),
      () => ({ kind: "text", text: `[Request interrupted by user ¶${this.#mark()}]` }),
      () => ({ kind: "text", text: this.#random.pick(["", "\n", "Tool loaded."]) }),
      () => this.#text(),
      () => this.#image(1)[0]!,
      () => this.#marker(time),
    ])();
  }

  #image(probability: number): Part[] {
    return this.#random.chance(probability) ? [{ kind: "image", data: `iVBOR¶${this.#mark()}` }] : [];
  }

  #text(): Part {
    return { kind: "text", text: this.#words_() };
  }

  /** What Claude Code writes without tags around it. */
  #clientText(): Part {
    const opening = this.#random.pick([
      "Base directory for this skill: ",
      "\nThe user sent a new message while you were working:\n",
      "PostToolUse:Bash hook additional context: ",
      "[Image: original ",
    ]);
    return { kind: "text", text: opening + this.#words_() };
  }

  #reminder(): Part {
    const [before, after] = [this.#random.pick(["", "\n"]), this.#random.pick(["", "\n", "\n\n"])];
    return {
      kind: "text",
      text: `${before}<system-reminder>\n${this.#words_()}\n</system-reminder>${after}`,
    };
  }

  #marker(time: number): Part {
    const left = this.#random.below(200_000);
    const text = `<total_tokens>${left} tokens left</total_tokens>`;
    return {
      kind: "marker",
      text: this.#random.pick([text, `\n${text}\n`]),
      until: time + this.#random.below(4),
    };
  }

  #words_(): string {
    return `${randomText(this.#random)} ¶${this.#mark()} ${randomText(this.#random)}.`;
  }

  #mark(): number {
    return this.#marks++;
  }
}
