import { describe, expect, test } from "bun:test";
import { type Archive, formula, formulaFaults } from "../../scripts/release/formula.ts";
import { type Project, projectFaults } from "../../scripts/release/project.ts";
import { TARGETS } from "../../scripts/release/targets.ts";

const PROJECT: Project = {
  version: "1.2.3",
  summary: 'Keeps a "cache" warm for #{everyone}',
  license: "MIT",
  homepage: "https://example.com/cache-proxy",
  downloads: "https://example.com/cache-proxy/releases/download/v1.2.3",
  date: new Date(0),
  tags: ["v1.2.3"],
  changedFiles: [],
  changelog: "# Changelog\n\n## 1.2.3\n\nWords.\n",
  readme: "curl https://example.com/download/v1.2.3/cache-proxy-1.2.3-linux-x64.tar.gz",
};
const ARCHIVES: Archive[] = TARGETS.map((target, index) => ({
  target,
  file: `cache-proxy-1.2.3-${target.name}.${target.archive}`,
  sha256: String(index).repeat(64),
}));

describe("a checkout", () => {
  test("can be released when tag, package.json and changelog name the same version", () => {
    expect(projectFaults(PROJECT)).toEqual([]);
    expect(projectFaults({ ...PROJECT, tags: ["latest", "v1.2.3"] })).toEqual([]);
  });

  const unfit: [want: RegExp, change: Partial<Project>][] = [
    [/package.json says 1.2.3, but no tag; expected v1.2.3/, { tags: [] }],
    [/package.json says 1.2.3, but the tag is v1.2.2/, { tags: ["v1.2.2"] }],
    [/package.json says 1.2.3, but the tag is 1.2.3/, { tags: ["1.2.3"] }],
    [/files differ from the commit: {2}M src\/main.ts/, { changedFiles: [" M src/main.ts"] }],
    [
      /README.md installs 1.2.2, not 1.2.3/,
      { readme: "/download/v1.2.3/cache-proxy-1.2.2-linux-x64.tar.gz" },
    ],
    [/CHANGELOG.md has no section for 1.2.3/, { changelog: "## 1.2.30\n## 1.2.2\n" }],
  ];
  test.each(unfit)("is refused: %p", (want, change) => {
    expect(projectFaults({ ...PROJECT, ...change }).join("\n")).toMatch(want);
  });
});

describe("the formula", () => {
  const text = formula(PROJECT, ARCHIVES);

  test("names the macOS archive first, and requires arm64 on macOS", () => {
    expect(text).toContain(`
  url "https://example.com/cache-proxy/releases/download/v1.2.3/cache-proxy-1.2.3-macos-arm64.tar.gz"
  version "1.2.3"
  sha256 "${"0".repeat(64)}"
  license "MIT"

  on_macos do
    depends_on arch: :arm64
  end

  on_linux do
`);
  });

  test("names every glibc Linux archive once, under its processor", () => {
    const blocks = [...text.matchAll(/(on_arm|on_intel) do\n +url "(.*)"\n +sha256 "(.*)"/g)];
    expect(blocks.map(([, arch, url, sum]) => [arch, url?.split("/").at(-1), sum?.[0]])).toEqual([
      ["on_arm", "cache-proxy-1.2.3-linux-arm64.tar.gz", "2"],
      ["on_intel", "cache-proxy-1.2.3-linux-x64.tar.gz", "1"],
    ]);
  });

  test("does not run text of package.json as Ruby", () => {
    expect(text).toContain('desc "Keeps a \\"cache\\" warm for \\#{everyone}"');
  });

  test("has no archive of a system that was not built", () => {
    const only = ARCHIVES.filter(({ target }) => target.os === "macos");
    expect(formula(PROJECT, only)).not.toContain("on_linux");
    expect(formulaFaults(formula(PROJECT, only), PROJECT, only)).toEqual([]);
    const linux = ARCHIVES.filter(({ target }) => target.os === "linux");
    expect(formula(PROJECT, linux)).not.toContain("macos-arm64");
    expect(formulaFaults(formula(PROJECT, linux), PROJECT, linux)).toEqual([]);
  });

  test("agrees with its own release", () => {
    expect(formulaFaults(text, PROJECT, ARCHIVES)).toEqual([]);
  });

  const wrong: [want: RegExp, change: (text: string) => string][] = [
    [
      /the formula says 1.2.2, package.json 1.2.3/,
      (all) => all.replace('version "1.2.3"', 'version "1.2.2"'),
    ],
    [/the formula has .*v1.2.2/, (all) => all.replace("download/v1.2.3", "download/v1.2.2")],
    [/the formula has .* 9{64}/, (all) => all.replace("0".repeat(64), "9".repeat(64))],
    [
      /the formula lacks .*linux-arm64/,
      (all) => all.replace(/ +on_arm do\n.*linux-arm64.*\n.*\n +end\n/, ""),
    ],
  ];
  test.each(wrong)("is refused: %p", (want, change) => {
    expect(change(text)).not.toBe(text);
    expect(formulaFaults(change(text), PROJECT, ARCHIVES).join("\n")).toMatch(want);
  });
});
