import { join } from "../json-bytes.ts";
import { type Findings, NO_FINDINGS, type Pass, type RewriteContext } from "../pass.ts";
import { type Document, type StringValue, textOf } from "../scan.ts";
import { beginningOf } from "../text-offsets.ts";
import { cutFrom } from "./project/cut.ts";
import { OPENING_SHAPE, readOpening } from "./project/opening.ts";
import { placeReminders } from "./project/place.ts";
import { projectIn } from "./project/project.ts";

/**
 * Moves what names one project out of the head of the prompt, so that another project's first prompt shares it: in the system prompt and
 * in the system turns before the first answer, each paragraph that names the project's directory or its memory folder is cut out and
 * put into the first user turn, under the heading of its section, before CLAUDE.md, git status and the user's words. Older versions
 * have git status in the system prompt: it goes there too. Nothing else of the texts changes.
 *
 * Nothing changes for other clients than Claude Code, if no text says what the project is, and if there is no user turn before the first
 * answer. The paragraphs are in the first user turn for the rest of the conversation, as they were in the system prompt.
 */
export const projectParagraphs: Pass = {
  title: "project paragraphs",
  applies: ({ projectParagraphs }, api) => projectParagraphs !== "keep" && api === "anthropic",
  needs: OPENING_SHAPE,
  run: moveParagraphs,
};

// --- internal ---

function moveParagraphs(document: Document, context: RewriteContext): Findings {
  const { bytes } = document;
  const { prompt, turns, firstUserContent } = readOpening(document);
  if (!firstUserContent || !isClaudeCode(bytes, prompt, context)) return NO_FINDINGS;
  const texts = [...prompt, ...turns].map((value) => ({ value, text: textOf(bytes, value) }));
  const project = projectIn(texts.map(({ text }) => text));
  if (!project) return NO_FINDINGS;
  const cuts = texts.map((text) => cutFrom(bytes, text, project));
  const paragraphs = cuts.flatMap((cut) => cut.paragraphs);
  const gitStatus = cuts.map((cut) => cut.gitStatus).filter((status) => status !== undefined);
  if (paragraphs.length + gitStatus.length === 0) return NO_FINDINGS;
  const placed = {
    project: paragraphs.length > 0 ? [join(paragraphs, "\\n\\n")] : [],
    session: gitStatus,
  };
  return {
    edits: [...cuts.flatMap((cut) => cut.edits), ...placeReminders(bytes, firstUserContent, placed)],
    notes: notesOf(paragraphs.length, gitStatus.length > 0),
  };
}

/** What the system prompt begins with, by a header that may be switched off or by a sentence of its own. */
const IDENTITY = /^(?:x-anthropic-billing-header:|You are Claude Code\b|You are a Claude agent\b)/;

function isClaudeCode(bytes: Buffer, prompt: readonly StringValue[], context: RewriteContext): boolean {
  return context.isClaudeCode === true || prompt.some((text) => IDENTITY.test(beginningOf(bytes, text)));
}

function notesOf(paragraphs: number, hasGitStatus: boolean): string[] {
  const moved = paragraphs === 1 ? "1 project paragraph moved" : `${paragraphs} project paragraphs moved`;
  return [...(paragraphs > 0 ? [moved] : []), ...(hasGitStatus ? ["git status moved"] : [])];
}
