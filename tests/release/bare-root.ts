import { chmodSync, cpSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Output, run } from "./scratch.ts";

/**
 * A root folder with a shell, tar and glibc, and nothing else: no Bun, no Node, no network tools. Its `curl` prints the
 * file in a folder that has the last part of the URL as its name. Its `sudo` runs the command: the user is root.
 */
export interface BareRoot {
  readonly path: string;
  /** Runs a shell command line in it. */
  shell(line: string): Promise<Output>;
  /** Returns the command that starts a program in it. */
  inside(...command: string[]): string[];
}

/** Makes the root from this machine's busybox and C library. Needs Linux and root. */
export async function makeBareRoot(path: string, downloads: string): Promise<BareRoot> {
  for (const folder of ["bin", "proc", "root", "tmp", "downloads"])
    mkdirSync(join(path, folder), { recursive: true });
  cpSync(Bun.which("busybox") ?? "busybox", join(path, "bin/busybox"));
  for (const name of APPLETS) symlinkSync("busybox", join(path, "bin", name));
  // Debian's busybox has no `install`.
  const install = Bun.which("install") ?? "install";
  cpSync(install, join(path, "bin/install"));
  for (const program of [process.execPath, install]) {
    for (const library of await libraries(program)) copyInto(path, library);
  }
  cpSync(downloads, join(path, "downloads"), { recursive: true });
  await script(join(path, "bin/curl"), CURL);
  await script(join(path, "bin/sudo"), 'exec "$@"');
  const inside = (...command: string[]) => ["unshare", "--mount", "sh", "-c", ENTER, path, ...command];
  return { path, inside, shell: (line) => run(inside("/bin/sh", "-c", line), path) };
}

// --- internal ---

/** Its last argument is the URL. */
const CURL = `for address; do :; done
exec cat "/downloads/$(basename "$address")"`;

const APPLETS = [
  "basename",
  "cat",
  "cp",
  "env",
  "gunzip",
  "gzip",
  "install",
  "ls",
  "mkdir",
  "rm",
  "sh",
  "tar",
];

/** Bun's runtime reads /proc at start. */
const ENTER = `mount -t proc proc "$0/proc" && cd "$0" && exec chroot "$0" /bin/env -i HOME=/root PATH=/usr/local/bin:/bin "$@"`;

/** The libraries that a program is linked with, and the loader. A compiled binary needs those of Bun. */
async function libraries(program: string): Promise<string[]> {
  const { stdout } = await run(["ldd", program], "/");
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
}

function copyInto(root: string, file: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  cpSync(file, join(root, file), { dereference: true });
}

async function script(path: string, body: string): Promise<void> {
  await Bun.write(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}
