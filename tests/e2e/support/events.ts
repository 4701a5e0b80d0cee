import type { Answer, Block } from "./scenario.ts";

/** A whole answer as Anthropic's event stream. The ids of its message and tool calls contain `id`. */
export function asEvents(answer: Answer, id: string, model: string): string {
  const { content, ...start } = asMessage(answer, id, model);
  const delta = { stop_reason: start.stop_reason, stop_sequence: null };
  return [
    event("message_start", { message: { ...start, content: [], stop_reason: null } }),
    ...content.flatMap(blockEvents),
    event("message_delta", { delta, usage: { output_tokens: 10 } }),
    event("message_stop", {}),
  ].join("");
}

/** The same answer as a single JSON object, for `stream: false`. */
export function asMessage(answer: Answer, id: string, model: string) {
  const content = answer.map((block, at) => withId(block, `${id}_${at}`));
  return {
    id: `msg_${id}`,
    type: "message",
    role: "assistant",
    model,
    content,
    stop_reason: answer.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn",
    stop_sequence: null,
    usage: {
      input_tokens: 100,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
      output_tokens: 10,
    },
  };
}

// --- internal ---

type SentBlock = ReturnType<typeof withId>;

function withId(block: Block, id: string) {
  switch (block.type) {
    case "tool_use":
      return { ...block, id: `toolu_${id}` };
    case "thinking":
      return { ...block, signature: `signature-${id}` };
    case "text":
      return block;
  }
}

function blockEvents(block: SentBlock, index: number): string[] {
  return [
    event("content_block_start", { index, content_block: emptied(block) }),
    ...deltas(block).map((delta) => event("content_block_delta", { index, delta })),
    event("content_block_stop", { index }),
  ];
}

function emptied(block: SentBlock): object {
  if (block.type === "tool_use") return { ...block, input: {} };
  return block.type === "thinking" ? { ...block, thinking: "", signature: "" } : { ...block, text: "" };
}

function deltas(block: SentBlock): object[] {
  switch (block.type) {
    case "tool_use":
      return [{ type: "input_json_delta", partial_json: JSON.stringify(block.input) }];
    case "thinking":
      return [
        { type: "thinking_delta", thinking: block.thinking },
        { type: "signature_delta", signature: block.signature },
      ];
    case "text":
      return [{ type: "text_delta", text: block.text }];
  }
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
