import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A remembered head: what `headOf` made of a request, and where the request went. */
export interface Head {
  /** Path and query. */
  readonly target: string;
  readonly body: Buffer;
}

export interface HeadBounds {
  readonly heads: number;
  /** Of one head. A larger one is not kept. */
  readonly bytes: number;
}

const BOUNDS: HeadBounds = { heads: 20, bytes: 2 ** 20 };

/** The last head of each project, in files that only their owner can read. Beyond the bounds the oldest is removed. Nothing here ever rejects. */
export class Heads {
  readonly folder: string;
  readonly #bounds: HeadBounds;
  /** The last one saved, so that the same head is written once and not with each request. */
  #saved: number | bigint | undefined;

  constructor(folder: string, bounds: Partial<HeadBounds> = {}) {
    this.folder = folder;
    this.#bounds = { ...BOUNDS, ...bounds };
  }

  /** Keeps the head of a project in place of the one before, and as the latest. Atomic: a reader sees one or the other. */
  async save(project: string, { target, body }: Head): Promise<void> {
    const hash = Bun.hash(body, Bun.hash.crc32(`${project}\n${target}`));
    if (body.length > this.#bounds.bytes || this.#saved === hash) return;
    this.#saved = hash;
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      const path = this.#fileOf(project);
      const draft = `${path}.${process.pid}.tmp`;
      await writeFile(draft, Buffer.concat([Buffer.from(`${target}\n`), body]), { mode: 0o600 });
      await rename(draft, path);
      await this.#removeOldest();
    } catch {
      // A full or read-only disk costs a warm-up tomorrow and nothing today.
    }
  }

  /** The head of the project or, without one, the head that was saved last; `undefined` without any. */
  async latest(project?: string): Promise<Head | undefined> {
    const files = await this.#files();
    const own = project === undefined ? undefined : files.find((path) => path === this.#fileOf(project));
    const newest = own ?? files[0];
    if (!newest) return undefined;
    const bytes = await readFile(newest).catch(() => Buffer.alloc(0));
    const end = bytes.indexOf("\n");
    const target = bytes.toString("latin1", 0, Math.max(0, end));
    return /^\/[!-~]*$/.test(target) ? { target, body: bytes.subarray(end + 1) } : undefined;
  }

  // --- internal ---

  #fileOf(project: string): string {
    return join(this.folder, `${Bun.hash(project).toString(16)}${SUFFIX}`);
  }

  async #removeOldest(): Promise<void> {
    const files = await this.#files();
    for (const file of files.slice(this.#bounds.heads)) await rm(file, { force: true });
  }

  /** Newest first. */
  async #files(): Promise<string[]> {
    const names = await readdir(this.folder).catch(() => []);
    const files = await Promise.all(
      names
        .filter((name) => name.endsWith(SUFFIX))
        .map((name) => join(this.folder, name))
        .map(async (path) => ({
          path,
          at: await stat(path).then(
            ({ mtimeMs }) => mtimeMs,
            () => 0,
          ),
        })),
    );
    return files.sort((a, b) => b.at - a.at).map(({ path }) => path);
  }
}

/** Removes every remembered head. Returns how many there were; rejects if one cannot be removed. */
export async function forgetHeads(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const heads = names.filter((name) => name.endsWith(SUFFIX) || name.endsWith(".tmp"));
  for (const name of heads) await rm(join(folder, name), { force: true });
  return heads.length;
}

/** Where heads are kept; `undefined` for a user without a home. https://specifications.freedesktop.org/basedir-spec/latest/ */
export function headsFolder(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): string | undefined {
  const { XDG_CACHE_HOME: cache, HOME: home } = env;
  // The specification ignores a relative path.
  if (cache?.startsWith("/")) return join(cache, "cache-proxy", "heads");
  if (!home) return undefined;
  const caches = platform === "darwin" ? "Library/Caches" : ".cache";
  return join(home, caches, "cache-proxy", "heads");
}

// --- internal ---

const SUFFIX = ".head";
