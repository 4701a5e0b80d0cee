import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.ts";
import { binaryFaults } from "./release/binary-check.ts";
import { archiveContents, archiveName } from "./release/contents.ts";
import { type Archive, formula, formulaFaults } from "./release/formula.ts";
import { type Project, projectFaults, readProject } from "./release/project.ts";
import { tarGz } from "./release/tar.ts";
import { runsHere, TARGETS, type Target } from "./release/targets.ts";
import { trialFaults } from "./release/trial.ts";
import { zip } from "./release/zip.ts";

const ROOT = resolve(import.meta.dir, "..");
const DIST = join(ROOT, "dist");

const USAGE = `usage: bun run release [--snapshot] [--target NAME]...
  --snapshot  build an untagged or changed checkout; not to be published
  --target    only this one: ${TARGETS.map(({ name }) => name).join(", ")}`;

/** Builds, checks and packs every target into dist/, or throws with the first thing that is not as it should be. */
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
  console.log(`${archives.map(sumLine).join("")}${snapshot ? "a snapshot, not to be published" : "ready"}`);
}

// --- internal ---

/** The binary of `bun run build` stays; a release that failed half-way must not be mistaken for this one. */
function removeOld(): void {
  const old = readdirSync(DIST).filter(
    (name) => /^(cache-proxy[-.].*|SHA256SUMS)$/.test(name) && name !== "cache-proxy.exe",
  );
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

/** As sha256sum and shasum write it and read it with `--check`. */
function sumLine({ sha256, file }: Archive): string {
  return `${sha256}  ${file}\n`;
}

function refuse(what: string, faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`${what} is not fit for release:\n  ${faults.join("\n  ")}`);
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
