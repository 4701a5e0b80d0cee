import { expect, test } from "bun:test";
import { join } from "node:path";
import pkg from "../../package.json" with { type: "json" };
import { TARGETS } from "../../scripts/release/targets.ts";

const FOLDER = join(import.meta.dir, "../../.github/workflows");
const [testing, releasing] = await Promise.all(
  ["test.yml", "release.yml"].map((name) => Bun.file(join(FOLDER, name)).text()),
);

test.each([
  ["test.yml", testing!],
  ["release.yml", releasing!],
])("%s pins actions to full commits, and uses the Bun that package.json names", (_, text) => {
  const actions = [...text.matchAll(/uses: (\S+)(.*)/g)];
  expect(actions.length).toBeGreaterThan(0);
  for (const [, action, version] of actions) {
    expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    expect(version).toMatch(/^ # v\d+\.\d+\.\d+$/);
  }
  for (const [bun] of text.matchAll(/bun@[\d.]+/g)) expect(bun).toBe(pkg.packageManager);
});

test("release.yml tries every target before it publishes", () => {
  const tried = [...releasing!.matchAll(/target: ([\w-]+) \}/g)].map(([, name]) => name);
  expect(tried.sort()).toEqual(TARGETS.map(({ name }) => name).sort());
  expect(releasing).toMatch(/publish:\n {4}needs: \[try, brew\]/);
});
