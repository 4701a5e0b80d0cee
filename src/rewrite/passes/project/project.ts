/** The names of one project in the texts that Claude Code writes. */
export interface Project {
  /** Its directory, without a separator at the end; `undefined` if only its memory folder is known. */
  readonly directory: string | undefined;
  /** Its memory folder, with one; `undefined` if the session has none that belongs to the project. */
  readonly memory: string | undefined;
  /** The name of the folder that Claude Code derives from the directory, for its memory and its temporary files. */
  readonly folder: string;
}

/**
 * The project that the texts are about: from the line that names the working directory, and from the path of the memory folder
 * (docs/claude-code.md). `undefined` if neither is there, or if the texts name two.
 */
export function projectIn(texts: readonly string[]): Project | undefined {
  const directories = allMatches(texts, DIRECTORY).map(([, path = ""]) => path.replace(/(?<=.)[\\/]+$/, ""));
  const memories = allMatches(texts, MEMORY);
  const folders = memories.map(([, , name = ""]) => name);
  if (new Set(directories).size > 1 || new Set(folders).size > 1) return undefined;
  const [directory, memory] = [directories[0], memories[0]?.[1]];
  const folder = folders[0] ?? directory?.replace(/[^A-Za-z0-9]/g, "-");
  return folder === undefined ? undefined : { directory, memory, folder };
}

/**
 * Whether a text names the project. The user's home does not count, nor does a directory whose name only begins like the project's. If
 * everything is below the project's directory (it is the home or the root), what is below it does not count either.
 */
export function namesProject(text: string, project: Project): boolean {
  return (
    allMatches([text], DIRECTORY).length > 0 ||
    namesFolder(text, project.folder) ||
    namesDirectory(text, project)
  );
}

// --- internal ---

/** It looks for its literal part first, which takes a tenth of the time of a pattern that begins with blanks. */
const DIRECTORY = /(?<=^[ \t]*- Primary w|<env>\nW)orking directory: (.*\S)/gm;

/** The second folder's name is that of the project. A memory folder that the user has chosen for all projects has another path. */
const MEMORY = /`([^`\n]*[\\/]projects[\\/]([^`\n\\/]+)[\\/]memory[\\/]?)`/g;

function allMatches(texts: readonly string[], pattern: RegExp): RegExpExecArray[] {
  return texts.flatMap((text) => [...text.matchAll(pattern)]);
}

function namesFolder(text: string, folder: string): boolean {
  if (folder.length < 2) return false;
  return placesOf(text, folder).some(
    (at) => /[\\/]/.test(text[at - 1] ?? "") && !isPartOfName(text, at + folder.length),
  );
}

function namesDirectory(text: string, { directory, memory }: Project): boolean {
  if (directory === undefined || directory.length < 2) return false;
  const isAboveMemory =
    memory !== undefined && /^[\\/]/.test(memory.slice(directory.length)) && memory.startsWith(directory);
  return placesOf(text, directory).some((at) => {
    const end = at + directory.length;
    if (at > 0 && NAME_CHARACTER.test(text[at - 1]!)) return false;
    return !isPartOfName(text, end) && !(isAboveMemory && /[\\/]/.test(text[end] ?? ""));
  });
}

function placesOf(text: string, name: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) places.push(at);
  return places;
}

const NAME_CHARACTER = /[\p{L}\p{N}_.~\\/-]/u;

/** Whether a file name goes on at this index: a full stop ends a sentence unless a letter follows. */
function isPartOfName(text: string, index: number): boolean {
  return /^(?:[\p{L}\p{N}_-]|\.[\p{L}\p{N}_])/u.test(text.slice(index, index + 3));
}
