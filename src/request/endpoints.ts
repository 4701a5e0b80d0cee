import { ANTHROPIC_STREAM, OPENAI_STREAM, type StreamDialect } from "./dialect.ts";

/** The API whose request bodies and errors an endpoint has. `completion` is a bare prompt without messages. */
export type ApiShape = "anthropic" | "openai" | "responses" | "completion";

/** What is known of a path: everything that depends on the path reads this value. */
export interface Endpoint {
  /** The path without whatever a router has in front of it. */
  readonly path: string;
  readonly shape: ApiShape;
  /** Whether a request evaluates a prompt and generates an answer: it is recorded, and its errors are translated. */
  readonly isInference: boolean;
  /** How its event stream pings and fails; `undefined` where it never streams. */
  readonly dialect: StreamDialect | undefined;
}

/**
 * The endpoint that a request is for, after any prefix such as `/upstream/NAME`; `undefined` where nothing is known of the path.
 * Only POST requests reach these endpoints.
 */
export function endpointOf(method: string, path: string): Endpoint | undefined {
  return method === "POST" ? ENDPOINTS.find((endpoint) => path.endsWith(endpoint.path)) : undefined;
}

/** What a router has in front of the endpoint's path: `/upstream/NAME` for llama-swap, "" without a router. */
export function prefixOf(path: string, endpoint: Endpoint): string {
  return path.slice(0, -endpoint.path.length);
}

// --- internal ---

/**
 * llama.cpp, tools/server/server.cpp, and `/api/chat`, an alias of older builds. Longer paths come first, because `/chat/completions`
 * also ends `/v1/chat/completions`.
 */
const ENDPOINTS: readonly Endpoint[] = [
  counting("/v1/messages/count_tokens", "anthropic"),
  streaming("/v1/messages", "anthropic"),
  streaming("/v1/chat/completions", "openai"),
  streaming("/chat/completions", "openai"),
  streaming("/api/chat", "openai"),
  streaming("/v1/responses", "responses"),
  streaming("/responses", "responses"),
  streaming("/v1/completions", "completion"),
  streaming("/completions", "completion"),
  streaming("/completion", "completion"),
  streaming("/infill", "completion"),
];

function streaming(path: string, shape: ApiShape): Endpoint {
  return {
    path,
    shape,
    isInference: true,
    dialect: shape === "anthropic" ? ANTHROPIC_STREAM : OPENAI_STREAM,
  };
}

function counting(path: string, shape: ApiShape): Endpoint {
  return { path, shape, isInference: false, dialect: undefined };
}
