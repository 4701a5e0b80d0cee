import { join } from "node:path";

/** What a release needs to know about the commit it is built from. */
export interface Project {
  readonly version: string;
  readonly summary: string;
  readonly license: string;
  readonly homepage: string;
  /** The URL that release archives are published under. */
  readonly downloads: string;
  readonly date: Date;
  readonly tags: readonly string[];
  readonly changedFiles: readonly string[];
  readonly changelog: string;
  readonly readme: string;
}

/** Reads package.json, CHANGELOG.md, README.md and the git state of a checkout. Throws when one is missing. */
export async function readProject(root: string): Promise<Project> {
  const pkg = (await Bun.file(join(root, "package.json")).json()) as PackageJson;
  const repository = repositoryUrl(pkg.repository);
  return {
    version: pkg.version,
    summary: pkg.description,
    license: pkg.license,
    homepage: pkg.homepage,
    downloads: `${repository}/releases/download/v${pkg.version}`,
    date: new Date(Number(await git(root, "log", "-1", "--format=%ct")) * 1000),
    tags: lines(await git(root, "tag", "--points-at", "HEAD")),
    changedFiles: lines(await git(root, "status", "--porcelain")),
    changelog: await Bun.file(join(root, "CHANGELOG.md")).text(),
    readme: await Bun.file(join(root, "README.md")).text(),
  };
}

/** Lists what keeps a checkout from being published. Its files and its tag must name the same version. */
export function projectFaults({ version, tags, changedFiles, changelog, readme }: Project): string[] {
  const tag = `v${version}`;
  const tagged = tags.length > 0 ? `the tag is ${tags.join(", ")}` : "no tag";
  return [
    ...(tags.includes(tag) ? [] : [`package.json says ${version}, but ${tagged}; expected ${tag}`]),
    ...(changedFiles.length === 0 ? [] : [`files differ from the commit: ${changedFiles.join(", ")}`]),
    ...(changelog.split("\n").includes(`## ${version}`)
      ? []
      : [`CHANGELOG.md has no section for ${version}`]),
    ...otherVersions(readme, version).map((other) => `README.md installs ${other}, not ${version}`),
  ];
}

// --- internal ---

interface PackageJson {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly homepage: string;
  readonly repository: string;
}

/** Other versions in README's lines that download an archive. */
function otherVersions(readme: string, version: string): string[] {
  const named = [...readme.matchAll(/(?:\/download\/v|cache-proxy-)(\d+\.\d+\.\d+)/g)].map(
    ([, found]) => found as string,
  );
  return [...new Set(named)].filter((other) => other !== version);
}

/** Expands npm's short form, `github:owner/name`. */
function repositoryUrl(repository: string): string {
  const name = /^github:([\w.-]+\/[\w.-]+)$/.exec(repository)?.[1];
  if (!name)
    throw new Error(`package.json: repository must be github:owner/name, got ${JSON.stringify(repository)}`);
  return `https://github.com/${name}`;
}

async function git(root: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn(["git", "-C", root, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`git ${args.join(" ")}: ${errors.trim()}`);
  return output;
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
