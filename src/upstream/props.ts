/** What a server says about itself on `GET /props`; `undefined` is what its answer does not show. */
export interface ServerFacts {
  readonly model?: string | undefined;
  readonly build?: string | undefined;
  readonly slots?: number | undefined;
  /** Tokens of context of one slot. */
  readonly context?: number | undefined;
  readonly template?: string | undefined;
  /** The chat template raises an error unless user and assistant turns alternate, tool results aside. */
  readonly strictAlternation: boolean;
  /** Whether the model takes images. */
  readonly vision?: boolean | undefined;
  /** Whether the server has unloaded its model to save memory; the next prompt loads it again. */
  readonly sleeping?: boolean | undefined;
  /** Changes with the build, the model and the chat template: whatever was known of the server is then out of date. */
  readonly identity?: string | undefined;
}

/** What is known before a server has answered, and of servers without `/props`. */
export const UNKNOWN_SERVER: ServerFacts = Object.freeze({ strictAlternation: false });

/**
 * Reads the JSON of `/props` (llama.cpp tools/server/server-context.cpp, get_res_props); `undefined` when it is not a llama-server's.
 * Templates refuse turns that do not alternate with `raise_exception('… roles must alternate …')` (Mistral, Ministral, Gemma 2).
 */
export function factsOf(props: unknown): ServerFacts | undefined {
  if (!isRecord(props)) return undefined;
  const { total_slots, default_generation_settings, model_alias, model_path, chat_template, build_info } =
    props;
  if (typeof chat_template !== "string" && typeof total_slots !== "number") return undefined;
  const settings = isRecord(default_generation_settings) ? default_generation_settings : {};
  return {
    model: aliasOf(model_alias) ?? fileName(text(model_path)),
    build: text(build_info),
    slots: count(total_slots),
    context: count(settings.n_ctx),
    template: text(chat_template),
    strictAlternation: /raise_exception\(\s*['"][^'"]*\balternate\b/i.test(text(chat_template) ?? ""),
    vision: isRecord(props.modalities) ? flag(props.modalities.vision) : undefined,
    sleeping: flag(props.is_sleeping),
    identity: Bun.hash(JSON.stringify([build_info, model_path, model_alias, chat_template])).toString(36),
  };
}

/** Whether the answer is that of a llama-server without a model of its own, which has one `/props` per model (server-models.cpp). */
export function isRouter(props: unknown): boolean {
  return isRecord(props) && props.role === "router";
}

// --- internal ---

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Without folders where it is a file's path, as some servers name a model that has no alias. */
function aliasOf(alias: unknown): string | undefined {
  const name = text(alias);
  return name?.endsWith(".gguf") ? fileName(name) : name;
}

function fileName(path: string | undefined): string | undefined {
  return path?.split(/[\\/]/).at(-1);
}

function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
}
