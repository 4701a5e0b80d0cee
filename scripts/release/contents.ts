import { join, resolve } from "node:path";
import { bashCompletion } from "./completions/bash.ts";
import { fishCompletion } from "./completions/fish.ts";
import { zshCompletion } from "./completions/zsh.ts";
import type { ArchiveFile } from "./files.ts";
import { manPage } from "./man-page.ts";
import type { Project } from "./project.ts";
import { binaryName, type Target } from "./targets.ts";

/** The name of a target's archive without its suffix, and of the one folder in it. */
export function archiveName(project: Project, target: Target): string {
  return `cache-proxy-${project.version}-${target.name}`;
}

/** Gathers what a target's archive holds, all in one folder. */
export async function archiveContents(
  binary: Uint8Array,
  target: Target,
  project: Project,
  root: string,
): Promise<ArchiveFile[]> {
  const service = SERVICE_FILES[target.os];
  const files = [
    { path: binaryName(target), content: binary, executable: true },
    ...(await Promise.all(["README.md", "LICENSE", "CHANGELOG.md"].map((name) => copied(root, name)))),
    text("man/cache-proxy.1", manPage(project)),
    text("completions/cache-proxy.bash", bashCompletion()),
    text("completions/_cache-proxy", zshCompletion()),
    text("completions/cache-proxy.fish", fishCompletion()),
    ...(service === undefined ? [] : [await copied(import.meta.dir, `service/${service}`)]),
  ];
  const folder = archiveName(project, target);
  return files.map((file) => ({ ...file, path: `${folder}/${file.path}` }));
}

// --- internal ---

const SERVICE_FILES: Partial<Record<Target["os"], string>> = {
  macos: "io.github.cache-proxy.plist",
  linux: "cache-proxy.service",
};

async function copied(root: string, path: string): Promise<ArchiveFile> {
  const content = await Bun.file(resolve(join(root, path))).bytes();
  return { path, content, executable: false };
}

function text(path: string, content: string): ArchiveFile {
  return { path, content: Buffer.from(content), executable: false };
}
