import { type RawText, removals } from "../../json-bytes.ts";
import type { Span, StringValue } from "../../scan.ts";
import type { Edit } from "../../splice.ts";
import { byteSpans } from "../../text-offsets.ts";
import { type Paragraph, paragraphsOf } from "./paragraphs.ts";
import { namesProject, type Project } from "./project.ts";

/** A text of the client in the body, and the same decoded. */
export interface ClientText {
  readonly value: StringValue;
  readonly text: string;
}

/** A text of the client with what is cut out of it. */
export interface Cut {
  readonly edits: readonly Edit[];
  /** The paragraphs that name the project, under their headings. */
  readonly paragraphs: readonly RawText[];
  /** The git status in the system prompt of 2.1.119 and 2.1.177: everything from its first paragraph on. */
  readonly gitStatus: RawText | undefined;
}

/** What leaves a text. Bytes are moved as they are. */
export function cutFrom(bytes: Buffer, { value, text }: ClientText, project: Project): Cut {
  const paragraphs = paragraphsOf(text);
  const git = paragraphs.findIndex(({ start }) => text.startsWith(GIT_STATUS, start));
  const isGit = (index: number) => git >= 0 && index >= git;
  const moved = [...paragraphs.keys()].filter(
    (index) => !isGit(index) && isMoved(text, paragraphs[index]!, project),
  );
  const removed = [...paragraphs.keys()].filter((index) => isGit(index) || moved.includes(index));
  if (removed.length === 0) return { edits: [], paragraphs: [], gitStatus: undefined };
  const spans = byteSpans(bytes, value, paragraphs);
  return {
    edits: removals(spans, removed),
    paragraphs: moved.map((index, place) => {
      const heading = headingFor(paragraphs[index]!, paragraphs[moved[place - 1] ?? -1]);
      return heading ? [...byteSpans(bytes, value, [heading]), "\\n\\n", spans[index]!] : [spans[index]!];
    }),
    gitStatus: git >= 0 ? [{ start: spans[git]!.start, end: spans.at(-1)!.end }] : undefined,
  };
}

// --- internal ---

const GIT_STATUS = "gitStatus: ";

/** The file that the user mentions in 2.1.177: its content follows as paragraphs of their own and must stay with it. */
const MENTION = /^Called the \S+ tool with the following input: /;

/** The heading that a moved paragraph needs; `undefined` if it has none, begins with it, or follows another of its section. */
function headingFor({ start, heading }: Paragraph, before: Paragraph | undefined): Span | undefined {
  return heading?.start === start || heading === before?.heading ? undefined : heading;
}

function isMoved(text: string, { start, end }: Paragraph, project: Project): boolean {
  const words = text.slice(start, end);
  return namesProject(words, project) && !MENTION.test(words);
}
