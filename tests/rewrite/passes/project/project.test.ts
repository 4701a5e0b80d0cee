import { describe, expect, test } from "bun:test";
import { namesProject, projectIn } from "../../../../src/rewrite/passes/project/project.ts";

const workingIn = (directory: string) =>
  `# Environment\n - Primary working directory: ${directory}\n - Platform: x`;
const remembers = (folder: string) => `Memory is at \`${folder}\`.`;

describe("projectIn", () => {
  test.each([
    ["the environment", [workingIn("/home/u/demo")], { directory: "/home/u/demo", folder: "-home-u-demo" }],
    [
      "a subagent's environment",
      ["About it:\n<env>\nWorking directory: /home/u/demo\nPlatform: x\n</env>"],
      { directory: "/home/u/demo", folder: "-home-u-demo" },
    ],
    [
      "blanks and quotes",
      [workingIn('/w/my "demo" é')],
      { directory: '/w/my "demo" é', folder: "-w-my--demo---" },
    ],
    ["a separator at the end", [workingIn("/w/demo/")], { directory: "/w/demo", folder: "-w-demo" }],
    ["the root", [workingIn("/")], { directory: "/", folder: "-" }],
    ["Windows", [workingIn("C:\\w\\demo")], { directory: "C:\\w\\demo", folder: "C--w-demo" }],
    [
      "the memory folder",
      ["", remembers("/home/u/.claude/projects/-home-u-demo/memory/")],
      { memory: "/home/u/.claude/projects/-home-u-demo/memory/", folder: "-home-u-demo" },
    ],
    [
      "both, in different texts",
      [remembers("/c/projects/-w-d/memory"), workingIn("/w/d/part")],
      { directory: "/w/d/part", memory: "/c/projects/-w-d/memory", folder: "-w-d" },
    ],
  ])("%s", (_, texts, want) => {
    expect(projectIn(texts)).toEqual({ directory: undefined, memory: undefined, ...want });
  });

  test.each([
    ["no text", []],
    ["texts that name two directories", [workingIn("/w/demo"), workingIn("/w/other")]],
    [
      "a text that names two memory folders",
      [`${remembers("/c/projects/-w-d/memory")} ${remembers("/c/projects/-w-e/memory")}`],
    ],
    ["a memory folder for all projects", [remembers("/home/u/notes/")]],
    ["a working directory in prose", ["Note: Primary working directory: /w is the first."]],
    ["one without a value", [" - Primary working directory: \n - Platform: x"]],
  ])("not in %s", (_, texts) => {
    expect(projectIn(texts)).toBeUndefined();
  });
});

describe("namesProject", () => {
  const project = projectIn([
    workingIn("/home/u/demo"),
    remembers("/home/u/.claude/projects/-home-u-demo/memory/"),
  ])!;
  test.each([
    ["the line itself", " - Primary working directory: /home/u/demo"],
    ["the directory", "All is in /home/u/demo."],
    ["in quotes", 'cd "/home/u/demo" first'],
    ["a file in it", "See /home/u/demo/a.txt"],
    ["its memory folder", "at `/home/u/.claude/projects/-home-u-demo/memory/`"],
    ["its folder elsewhere", "Put it into /tmp/claude-0/-home-u-demo/1/scratchpad"],
  ])("%s", (_, text) => {
    expect(namesProject(text, project)).toBe(true);
  });

  test.each([
    ["the home", "Your home is /home/u and /home/u/.claude/settings.json"],
    ["another project", "See /home/u/demo-2, /home/u/demolition and /home/u/demo.old"],
    ["another project's memory", "/home/u/.claude/projects/-home-u-demo-2/memory/"],
    ["the directory in another place", "/backup/home/u/demo"],
    ["the user", "u likes demo"],
    ["the folder as a word", "-home-u-demo"],
  ])("but not %s", (_, text) => {
    expect(namesProject(text, project)).toBe(false);
  });

  test("a home as a project is not named by what is below it", () => {
    const home = projectIn([workingIn("/home/u"), remembers("/home/u/.claude/projects/-home-u/memory/")])!;
    expect(namesProject("Settings: /home/u/.claude/settings.json", home)).toBe(false);
    expect(namesProject("You are in /home/u now", home)).toBe(true);
    expect(namesProject(workingIn("/home/u"), home)).toBe(true);
    expect(namesProject("/home/u/.claude/projects/-home-u/memory/", home)).toBe(true);
  });

  test("the root as a project is named by its line only", () => {
    const root = projectIn([workingIn("/")])!;
    expect(namesProject(workingIn("/"), root)).toBe(true);
    expect(namesProject("and / or /etc/hosts", root)).toBe(false);
  });
});
