import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.ts";
import { tarGz, zip } from "./release/archive.ts";
import { binaryFaults, trialFaults } from "./release/binary-check.ts";
import { archiveContents, archiveName } from "./release/contents.ts";
import { type Archive, formula, formulaFaults } from "./release/formula.ts";
import { type Project, projectFaults, readProject } from "./release/project.ts";
import { runsHere, TARGETS, type Target } from "./release/targets.ts";

const ROOT = resolve(import.meta.dir, "..");
const DIST = join(ROOT, "dist");

const USAGE = `usage: bun run release [--snapshot] [--target NAME]...
  --snapshot  build an untagged or modified checkout; do not publish the result
  --target    build only this target: ${TARGETS.map(({ name }) => name).join(", ")}`;

/** Builds, checks and packs each target into dist/. Throws at the first check that fails. */
async function release(targets: readonly Target[], snapshot: boolean): Promise<void> {
  const project = await readProject(ROOT);
  if (!snapshot) refuse("this checkout", projectFaults(project));
  mkdirSync(DIST, { recursive: true });
  removeOld();
  const archives: Archive[] = [];
  for (const target of targets) archives.push(await makeArchive(target, project));
  await Bun.write(join(DIST, "SHA256SUMS"), archives.map(sumLine).join(""));
  const rendered = formula(project, archives);
  refuse("the formula", formulaFaults(rendered, project, archives));
  await Bun.write(join(DIST, "cache-proxy.rb"), rendered);
  console.log(`${archives.map(sumLine).join("")}${snapshot ? "snapshot; do not publish" : "ready"}`);
}

// --- internal ---

/** Removes the files of earlier releases, so that nobody takes them for this one's. Keeps `bun run build`'s binary. */
function removeOld(): void {
  const old = readdirSync(DIST).filter((name) => /^(cache-proxy-.*|cache-proxy\.rb|SHA256SUMS)$/.test(name));
  for (const name of old) rmSync(join(DIST, name), { recursive: true });
}

async function makeArchive(target: Target, project: Project): Promise<Archive> {
  const binary = join(DIST, `${archiveName(project, target)}.binary`);
  try {
    await build(target, binary);
    const bytes = await Bun.file(binary).bytes();
    refuse(target.name, binaryFaults(bytes, target));
    if (runsHere(target)) refuse(target.name, await trialFaults(binary, project.version));
    return await pack(bytes, target, project);
  } finally {
    rmSync(binary, { force: true });
  }
}

async function pack(binary: Uint8Array, target: Target, project: Project): Promise<Archive> {
  const contents = await archiveContents(binary, target, project, ROOT);
  const bytes = { "tar.gz": tarGz, zip }[target.archive](contents, project.date);
  const file = `${archiveName(project, target)}.${target.archive}`;
  const archive = { target, file, sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex") };
  await Bun.write(join(DIST, file), bytes);
  await Bun.write(join(DIST, `${file}.sha256`), sumLine(archive));
  return archive;
}

/** The format that `sha256sum --check` and `shasum --check` read. */
function sumLine({ sha256, file }: Archive): string {
  return `${sha256}  ${file}\n`;
}

function refuse(what: string, faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`cannot release ${what}:\n  ${faults.join("\n  ")}`);
}

function chosenTargets(names: readonly string[]): readonly Target[] {
  const unknown = names.filter((name) => !TARGETS.some((target) => target.name === name));
  if (unknown.length > 0) throw new Error(`unknown target ${unknown.join(", ")}\n${USAGE}`);
  return names.length > 0 ? TARGETS.filter(({ name }) => names.includes(name)) : TARGETS;
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: { snapshot: { type: "boolean" }, target: { type: "string", multiple: true } },
    });
    await release(chosenTargets(values.target ?? []), values.snapshot === true);
  } catch (error) {
    console.error(`release: ${(error as Error).message}`);
    process.exit(1);
  }
}
