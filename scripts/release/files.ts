/** One file of an archive; folders are made from the paths. */
export interface ArchiveFile {
  /** With forward slashes, without a leading one. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable: boolean;
}

/** Puts the files into the one order that archives have, whatever order they were gathered in. */
export function inOrder(files: readonly ArchiveFile[]): ArchiveFile[] {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
}
