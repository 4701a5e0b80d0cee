/** An error as Anthropic's API would send it. */
export interface AnthropicError {
  readonly type: "error";
  readonly error: { readonly type: string; readonly message: string };
}

/**
 * Turns llama-server's context overflow into the one error that makes Claude Code compact instead of failing.
 * Returns `undefined` for every other body: they pass unchanged.
 */
export function overflowError(body: Uint8Array): AnthropicError | undefined {
  const error = member(parse(body), "error");
  // llama.cpp tools/server/server-common.cpp, format_error_response; both counts are next to the message.
  if (member(error, "type") !== "exceed_context_size_error") return undefined;
  const tokens = member(error, "n_prompt_tokens");
  const maximum = member(error, "n_ctx");
  if (typeof tokens !== "number" || typeof maximum !== "number") return undefined;
  return anthropicError("invalid_request_error", `prompt is too long: ${tokens} tokens > ${maximum} maximum`);
}

/**
 * An upstream's error with this status that comes again however often the request is sent, in the words that make Claude Code act:
 * compact after an overflow, stop after anything that a template or a parser refuses (llama-server answers those with status 500,
 * which Claude Code tries 11 times). Returns `undefined` for every other error.
 */
export function finalError(status: number, body: Uint8Array): AnthropicError | undefined {
  if (status === 400) return overflowError(body);
  const message = status === 500 ? messageOf(parse(body)) : undefined;
  return message !== undefined && FINAL.test(message)
    ? anthropicError("invalid_request_error", message)
    : undefined;
}

/**
 * An upstream's error as an error event can carry it when the status is already sent. An error in Anthropic's shape
 * stays as it is; 429, 503 and 529 become `overloaded_error`, which Claude Code answers with a streaming retry.
 */
export function lateError(status: number, body: Uint8Array): AnthropicError {
  const value = parse(body);
  const message = messageOf(value) ?? textOf(body) ?? `the upstream answered with status ${status}`;
  if (OVERLOADED.has(status)) return anthropicError("overloaded_error", message);
  return finalError(status, body) ?? asAnthropic(value) ?? anthropicError(typeFor(status), message);
}

// --- internal ---

/** llama.cpp: common/jinja and minja ("Jinja Exception"), nlohmann::json ("parse_error"), tools/server/server-common.cpp (images). */
const FINAL = /Jinja Exception|\bparse_error\b|image input is not supported/i;

const OVERLOADED: ReadonlySet<number> = new Set([429, 503, 529]);

/** https://docs.claude.com/en/api/errors */
const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
};

function typeFor(status: number): string {
  return TYPES[status] ?? "api_error";
}

function anthropicError(type: string, message: string): AnthropicError {
  return { type: "error", error: { type, message } };
}

function asAnthropic(value: unknown): AnthropicError | undefined {
  const error = member(value, "error");
  const [type, message] = [member(error, "type"), member(error, "message")];
  if (member(value, "type") !== "error" || typeof type !== "string" || typeof message !== "string")
    return undefined;
  return value as AnthropicError;
}

/** OpenAI's and llama-server's shape is `{"error":{"message":…}}`; some servers send `{"error":"…"}` or `{"message":"…"}`. */
function messageOf(value: unknown): string | undefined {
  const error = member(value, "error");
  const found = [member(error, "message"), error, member(value, "message")];
  return found.find((text): text is string => typeof text === "string" && text !== "");
}

function textOf(body: Uint8Array): string | undefined {
  return new TextDecoder().decode(body).trim() || undefined;
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
