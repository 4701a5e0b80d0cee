/**
 * Whether a chat template can render a parameter of a request: a field of the body, or `chat_template_kwargs.NAME`. llama-server passes few
 * of them on: not `thinking`, which only sets a budget (llama.cpp tools/server/server-chat.cpp, server-common.cpp).
 */
export function rendersParameter(template: string, parameter: string): boolean {
  const name = parameter.replace(/^chat_template_kwargs\./, "");
  const variables = VARIABLES[name] ?? (name === parameter ? [] : [name]);
  return variables.some((variable) => new RegExp(`\\b${RegExp.escape(variable)}\\b`).test(template));
}

// --- internal ---

/** An effort of "none" turns thinking off; both others are names for the same (llama.cpp common/jinja/caps.cpp). */
const EFFORT = ["reasoning_effort", "reasoning_strength", "enable_thinking"];

const VARIABLES: Readonly<Record<string, readonly string[] | undefined>> = {
  reasoning_effort: EFFORT,
  reasoning: EFFORT,
  preserve_reasoning: [
    "preserve_thinking",
    "clear_thinking",
    "truncate_history_thinking",
    "drop_thinking",
    "preserve_reasoning",
  ],
};
