import { basename, join } from "node:path";
import type { ArchiveFile } from "./archive.ts";
import { bashCompletion } from "./completions/bash.ts";
import { fishCompletion } from "./completions/fish.ts";
import { zshCompletion } from "./completions/zsh.ts";
import { manPage } from "./man-page.ts";
import type { Project } from "./project.ts";
import { binaryName, type Target } from "./targets.ts";

/** The name of a target's archive without its suffix, and of the only top-level folder in it. */
export function archiveName(project: Project, target: Target): string {
  return `cache-proxy-${project.version}-${target.name}`;
}

/** Returns the files of a target's archive, all in one folder. `root` is the checkout. */
export async function archiveContents(
  binary: Uint8Array,
  target: Target,
  project: Project,
  root: string,
): Promise<ArchiveFile[]> {
  const files = [
    { path: binaryName(target), content: binary, executable: true },
    ...(await Promise.all(DOCUMENTS.map((name) => copied(root, name, name)))),
    text("man/cache-proxy.1", manPage(project)),
    text("completions/cache-proxy.bash", bashCompletion()),
    text("completions/_cache-proxy", zshCompletion()),
    text("completions/cache-proxy.fish", fishCompletion()),
    ...(await Promise.all(
      SERVICES[target.os].map((path) => copied(root, path, `service/${basename(path)}`)),
    )),
  ];
  const folder = archiveName(project, target);
  return files.map((file) => ({ ...file, path: `${folder}/${file.path}` }));
}

// --- internal ---

const DOCUMENTS = ["README.md", "LICENSE", "CHANGELOG.md"];
const SERVICES: Record<Target["os"], readonly string[]> = {
  macos: ["deploy/io.github.cache-proxy.plist"],
  linux: ["deploy/cache-proxy.service"],
  windows: [],
};

async function copied(root: string, from: string, to: string): Promise<ArchiveFile> {
  return { path: to, content: await Bun.file(join(root, from)).bytes(), executable: false };
}

function text(path: string, content: string): ArchiveFile {
  return { path, content: Buffer.from(content), executable: false };
}
