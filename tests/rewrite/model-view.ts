/**
 * What the model sees of `messages`, according to llama.cpp's tools/server/server-chat.cpp (`server_chat_convert_anthropic_to_oai`) and
 * common/chat.cpp. Differences in JSON that make no difference in the prompt disappear.
 *
 * @module
 */

/** One part of one rendered message; `message` is the number of the message. */
export interface Seen {
  readonly message: number;
  readonly role: string;
  readonly part: string;
}

/** The parts in the order in which a template renders them. */
export function modelView(messages: readonly unknown[]): Seen[] {
  return messages
    .flatMap((turn) => rendered(turn as Turn))
    .flatMap(({ role, parts }, message) => parts.map((part) => ({ message, role, part })));
}

// --- internal ---

interface Turn {
  readonly role: string;
  readonly content: string | readonly Block[];
}

interface Block {
  readonly type: string;
  readonly text?: string;
  readonly thinking?: string;
  readonly id?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly content?: string | readonly Block[] | null;
  readonly source?: { readonly data: string };
}

interface Rendered {
  readonly role: string;
  readonly parts: readonly string[];
}

/** A string counts as one text block. Text and images of a turn come before its tool results, which are separate messages. */
function rendered({ role, content }: Turn): Rendered[] {
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
  const parts = blocks.flatMap(ownPart);
  const results = blocks.filter((block) => block.type === "tool_result");
  return [
    ...(parts.length > 0 ? [{ role, parts }] : []),
    ...results.map((result) => ({
      role: "tool",
      parts: [`result ${result.tool_use_id}`, ...resultParts(result)],
    })),
  ];
}

function ownPart(block: Block): string[] {
  if (block.type === "text") return [`text ${block.text}`];
  if (block.type === "image") return [`image ${block.source?.data}`];
  if (block.type === "thinking") return [`thinking ${block.thinking}`];
  if (block.type === "tool_use") return [`call ${block.id} ${JSON.stringify(block.input)}`];
  return [];
}

/** Texts are joined without a separator unless there is an image. A `tool_reference` is dropped, and an empty text is invisible. */
function resultParts({ content }: Block): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [""];
  const parts = content.flatMap((block: Block) =>
    block.type === "text" || block.type === "image" ? [block] : [],
  );
  if (!parts.some((part) => part.type === "image")) return [parts.map((part) => part.text).join("")];
  return parts.filter((part) => part.text !== "").flatMap(ownPart);
}
