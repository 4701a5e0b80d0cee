import { basename } from "node:path";
import type { HTMLBundle } from "bun";
import page from "../page/index.html";

export interface PageFile {
  readonly body: Blob;
  readonly type: string;
}

/**
 * A file of the page as Bun bundled it, by name; `""` is the page itself. Bun's own routes are not used: they serve the page's script and
 * style at `/chunk-….js` and `/_bun/…`, where they would shadow paths of the upstream. Here all files are next to the page.
 */
export async function pageFile(name: string): Promise<PageFile | undefined> {
  // When run from the source, a reload of the page bundles it again, so that edits show.
  const isStale = name === "" && !page.files;
  if (!files || isStale) files = page.files ? embedded(page.files) : bundled(page.index);
  return (await files).get(name);
}

// --- internal ---

type EmbeddedFiles = NonNullable<HTMLBundle["files"]>;
type PageFiles = ReadonlyMap<string, PageFile>;

let files: Promise<PageFiles> | undefined;

/** In the compiled binary the files are inside, and the page refers to them from the root. */
async function embedded(files: EmbeddedFiles): Promise<PageFiles> {
  const found = new Map<string, PageFile>();
  for (const { path, loader, headers } of files) {
    const file = Bun.file(path);
    if (loader === "html") found.set("", html(await file.text()));
    else found.set(basename(path), { body: file, type: headers["content-type"] });
  }
  return found;
}

/** When run from the source, the page is bundled here, with Bun's own bundler. */
async function bundled(index: string): Promise<PageFiles> {
  const { outputs } = await Bun.build({ entrypoints: [index], minify: true });
  const found = new Map<string, PageFile>();
  for (const output of outputs) {
    if (output.path.endsWith(".html")) found.set("", html(await output.text()));
    else found.set(basename(output.path), { body: output, type: output.type });
  }
  return found;
}

/** Makes file names relative to the page. */
function html(text: string): PageFile {
  const relative = text.replace(/(src|href)="(?:\.?\/)(chunk-[^"]+)"/g, '$1="$2"');
  return { body: new Blob([relative]), type: "text/html; charset=utf-8" };
}
