/**
 * The outline of a request: what its prompt consists of, as lengths and hashes. Two outlines show where two prompts part.
 *
 * @module
 */
import type { ApiShape } from "../request/endpoints.ts";
import { type ArrayValue, type ObjectValue, scan, textOf, type Value, wordOf } from "../rewrite/scan.ts";
import { type CompiledShape, compile, type Shape } from "../rewrite/shape.ts";
import { withoutMember } from "./member.ts";
import { COARSE, FINE, imageOf, joined, type Section, sectionOf } from "./section.ts";

export interface Tool extends Section {
  readonly name: string;
}

export interface Block extends Section {
  readonly kind: BlockKind;
}

export interface Message {
  /** `other` for roles that no known API has. */
  readonly role: Role;
  /** A content that is a string counts as one block of text. Empty texts are left out: no template renders them. */
  readonly blocks: readonly Block[];
  readonly bytes: number;
  /** Of its role and its blocks. */
  readonly hash: number;
}

export interface Parameter extends Section {
  /** A field of the body, or `chat_template_kwargs.NAME`. */
  readonly name: string;
}

export interface Outline {
  /** The client's name for the model. */
  readonly model: string | undefined;
  /** The fields that chat templates read besides messages and tools. */
  readonly parameters: readonly Parameter[];
  readonly system: readonly Section[];
  readonly tools: readonly Tool[];
  readonly messages: readonly Message[];
  /** Bytes of all sections but the parameters. */
  readonly bytes: number;
}

export type Role = "user" | "assistant" | "system" | "tool" | "other";
export type BlockKind = "text" | "thinking" | "image" | "tool_use" | "tool_result" | "other";

/**
 * The outline of a body as it is forwarded. `undefined` if it is not a JSON object that can be scanned. `cache_control` and the way a text
 * is wrapped (a string, or an array of one text block) make no difference: no template renders them. Does not keep `bytes`.
 */
export function outlineOf(bytes: Uint8Array, shape: ApiShape): Outline | undefined {
  try {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { root } = scan(buffer, SHAPE);
    return new Reader(buffer).outline(root, shape);
  } catch {
    return undefined;
  }
}

/** About how much memory an outline takes, in bytes. */
export function sizeOf({ system, tools, messages, parameters }: Outline): number {
  const sections = [...system, ...tools, ...parameters, ...messages.flatMap(({ blocks }) => blocks)];
  return sections.reduce((sum, { grains }) => sum + SECTION_SIZE + 8 * grains.length, 0);
}

// --- internal ---

const SECTION_SIZE = 160;

const ROLES = ["user", "assistant", "system", "tool", "developer"];
const TYPES = [
  ...["text", "input_text", "output_text"],
  ...["thinking", "redacted_thinking", "reasoning"],
  ...["image", "image_url", "input_image", "tool_use", "tool_result"],
];
const PARAMETERS = ["thinking", "tool_choice", "reasoning_effort", "reasoning", "response_format"];

const INNER: Shape = { members: { type: { words: TYPES }, text: {}, cache_control: {} } };
const BLOCK: Shape = {
  members: { type: { words: TYPES }, text: {}, content: { each: INNER }, cache_control: {} },
};
const MESSAGE: Shape = {
  members: { role: { words: ROLES }, content: { each: BLOCK }, tool_calls: {}, reasoning_content: {} },
};
const TOOL: Shape = { members: { name: {}, function: { members: { name: {} } }, cache_control: {} } };

const SHAPE: CompiledShape = compile({
  members: {
    model: {},
    system: { each: BLOCK },
    instructions: {},
    tools: { each: TOOL },
    messages: { each: MESSAGE },
    input: { each: MESSAGE },
    prompt: {},
    chat_template_kwargs: {},
    ...Object.fromEntries(PARAMETERS.map((name) => [name, {}])),
  },
});

const KINDS: Readonly<Record<string, BlockKind>> = {
  text: "text",
  input_text: "text",
  output_text: "text",
  thinking: "thinking",
  redacted_thinking: "thinking",
  reasoning: "thinking",
  image: "image",
  image_url: "image",
  input_image: "image",
  tool_use: "tool_use",
  tool_result: "tool_result",
};

class Reader {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  outline({ members }: ObjectValue, shape: ApiShape): Outline {
    const all = this.#messages(members[MESSAGES[shape]]);
    // OpenAI's system prompt is the first messages; templates put it where Anthropic's `system` goes.
    const first = shape === "anthropic" ? 0 : all.findIndex(({ role }) => role !== "system");
    const leading = first < 0 ? all : all.slice(0, first);
    const system = [
      ...this.#blocks(members[shape === "responses" ? "instructions" : "system"], FINE),
      ...leading.flatMap(({ blocks }) => blocks),
    ];
    const tools = itemsOf(members.tools).map((tool) => this.#tool(tool));
    const messages = all.slice(leading.length);
    return {
      model: members.model?.kind === "string" ? textOf(this.#bytes, members.model) : undefined,
      parameters: [
        ...PARAMETERS.flatMap((name) => this.#parameter(name, members[name])),
        ...this.#templateParameters(members.chat_template_kwargs),
      ],
      system,
      tools,
      messages,
      bytes: bytesIn(system) + bytesIn(tools) + bytesIn(messages),
    };
  }

  // --- internal ---

  #parameter(name: string, value: Value | undefined): Parameter[] {
    return value ? [{ name, ...this.#section(value.start, value.end, COARSE) }] : [];
  }

  /** Each one apart: a template may read some of them. */
  #templateParameters(value: Value | undefined): Parameter[] {
    if (value?.kind !== "object") return [];
    const values = JSON.parse(this.#bytes.toString("utf8", value.start, value.end)) as object;
    return Object.entries(values).map(([name, one]) => {
      return { name: `chat_template_kwargs.${name}`, ...sectionOf(Buffer.from(JSON.stringify(one)), COARSE) };
    });
  }

  #tool(tool: Value): Tool {
    const { name, function: inner, cache_control } = membersOf(tool);
    const named = name ?? membersOf(inner).name;
    return {
      name: named?.kind === "string" ? textOf(this.#bytes, named) : "",
      ...sectionOf(withoutMember(this.#bytes, tool, cache_control), COARSE),
    };
  }

  #messages(value: Value | undefined): Message[] {
    if (value?.kind === "string")
      return [messageOf("user", [{ kind: "text", ...this.#text(value, COARSE) }])];
    return itemsOf(value).map((message) => this.#message(message));
  }

  #message(message: Value): Message {
    const { role, content, tool_calls, reasoning_content } = membersOf(message);
    const named = wordOf(role);
    const known = named === "developer" ? "system" : ((named as Role | undefined) ?? "other");
    const others = [reasoning_content, tool_calls].flatMap((value, index): Block[] => {
      if (!value) return [];
      return [
        { kind: index === 0 ? "thinking" : "tool_use", ...this.#section(value.start, value.end, COARSE) },
      ];
    });
    return messageOf(known, [...this.#blocks(content, COARSE), ...others]);
  }

  #blocks(value: Value | undefined, grain: number): Block[] {
    if (!value || value.kind === "atom") return [];
    if (value.kind !== "array")
      return value.end - value.start > 2 ? [{ kind: "text", ...this.#text(value, grain) }] : [];
    return value.items.flatMap((block) => this.#block(block, grain));
  }

  #block(block: Value, grain: number): Block[] {
    const { type, text, content, cache_control } = membersOf(block);
    const kind = KINDS[wordOf(type) ?? ""] ?? "other";
    if (kind === "text" && text?.kind === "string")
      return text.end - text.start > 2 ? [{ kind, ...this.#text(text, grain) }] : [];
    if (kind === "tool_result" && content) return [this.#result(content, grain)];
    const bytes = withoutMember(this.#bytes, block, cache_control);
    return [{ kind, ...(kind === "image" ? imageOf(bytes) : sectionOf(bytes, grain)) }];
  }

  /** What a tool returned: its texts and images, however they are wrapped. */
  #result(content: Value, grain: number): Block {
    const parts = this.#blocks(content, grain);
    return { ...(parts.length === 1 ? parts[0]! : joined(parts, grain)), kind: "tool_result" };
  }

  #text({ start, end }: Value, grain: number): Section {
    return this.#section(start + 1, end - 1, grain);
  }

  #section(start: number, end: number, grain: number): Section {
    return sectionOf(this.#bytes.subarray(start, end), grain);
  }
}

const MESSAGES: Readonly<Record<ApiShape, string>> = {
  anthropic: "messages",
  openai: "messages",
  responses: "input",
  completion: "prompt",
};

function messageOf(role: Role, blocks: readonly Block[]): Message {
  const parts = [ROLE_NUMBERS[role], ...blocks.map(({ hash }) => hash)];
  const hash = parts.reduce((sum, part) => (Math.imul(sum, 0x01000193) ^ part) >>> 0, 0x811c9dc5);
  return { role, blocks, bytes: bytesIn(blocks), hash };
}

const ROLE_NUMBERS: Readonly<Record<Role, number>> = { user: 1, assistant: 2, system: 3, tool: 4, other: 5 };

function itemsOf(value: Value | undefined): ArrayValue["items"] {
  return value?.kind === "array" ? value.items : [];
}

function membersOf(value: Value | undefined): ObjectValue["members"] {
  return value?.kind === "object" ? value.members : NONE;
}

const NONE: ObjectValue["members"] = {};

function bytesIn(parts: readonly { readonly bytes: number }[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}
