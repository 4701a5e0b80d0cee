import type { ApiShape } from "../request/endpoints.ts";
import type { Document } from "./scan.ts";
import type { Shape } from "./shape.ts";
import type { Edit } from "./splice.ts";

/** What the user chose. */
export interface RewriteSettings {
  readonly systemTurns: "fold" | "keep";
  readonly tools: "stable" | "keep";
  /** `move` if not given. */
  readonly projectParagraphs: "move" | "keep";
}

/** What is known of a request besides its body. */
export interface RewriteContext {
  /** Whether the server's chat template demands that user and assistant turns alternate. */
  readonly strictAlternation?: boolean;
  /** Whether the request's headers are Claude Code's. Without them its system prompt decides. */
  readonly isClaudeCode?: boolean;
  /** Whether the model takes images; `undefined` is unknown. */
  readonly vision?: boolean | undefined;
  /** The names of the conversation's tools in the order in which they were first seen, as far as they are remembered. */
  readonly toolOrder?: readonly string[] | undefined;
}

/**
 * One repair. A file in passes/ exports it, and the list in rewrite.ts names it. Edits of different passes must not overlap, except that
 * two passes may insert at the same place: each pass works on the original bytes, whatever the others do.
 */
export interface Pass {
  /** For notes. */
  readonly title: string;
  /** Whether it has anything to do in bodies of this API; `undefined` is an unknown API. */
  readonly applies: (settings: RewriteSettings, api: ApiShape | undefined) => boolean;
  /** The parts of a body that it reads. Other passes may have further parts reported. */
  readonly needs: Shape;
  /** Whether it reads what the context says about the server. */
  readonly asksServer?: (document: Document) => boolean;
  /** Pure. Throws `Unscannable` on anything it does not know: then it changes nothing, and the other passes still do their work. */
  readonly run: (document: Document, context: RewriteContext) => Findings;
}

export interface Findings {
  readonly edits: readonly Edit[];
  /** What was changed; no prompt text. */
  readonly notes: readonly string[];
  /** The names of the request's tools in the order in which they are forwarded, to be remembered. */
  readonly toolOrder?: readonly string[];
}

export const NO_FINDINGS: Findings = Object.freeze({ edits: [], notes: [] });
