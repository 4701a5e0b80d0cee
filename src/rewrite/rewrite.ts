/** What the body says of the request; `undefined` is unknown. */
export interface RequestFacts {
  readonly model?: string | undefined;
  readonly stream?: boolean | undefined;
  /** How many tools it offers. */
  readonly tools?: number | undefined;
}

/** What the user chose and what is known of the request besides its body. */
export interface RewriteContext {
  /** The request's path without the base path and query: the turn and tool passes apply to `/v1/messages` and `/v1/messages/count_tokens`. */
  readonly path: string;
  readonly systemTurns: "fold" | "keep";
}

export interface Rewritten {
  /** The body to forward: the very array that came in where nothing was changed. */
  readonly body: Uint8Array;
  /** For `--verbose`: what was changed, or why nothing could be. No prompt text. */
  readonly notes: readonly string[];
  readonly facts: RequestFacts;
}

/** Applies every repair to one request body. Pure; never throws, whatever the bytes are. */
export function rewrite(body: Uint8Array, _context: RewriteContext): Rewritten {
  return { body, notes: [], facts: {} };
}
