import { describe, expect, test } from "bun:test";
import { bashCompletion } from "../../scripts/release/completions/bash.ts";
import { fishCompletion } from "../../scripts/release/completions/fish.ts";
import { zshCompletion } from "../../scripts/release/completions/zsh.ts";
import { readFlags, readSubcommands } from "../../scripts/release/flags.ts";
import { manPage } from "../../scripts/release/man-page.ts";
import { command } from "../../src/cli/commands.ts";
import { readOptions } from "../../src/cli/options.ts";

const FACTS = {
  version: "1.2.3",
  summary: "keeps a cache warm",
  homepage: "https://example.com/cache-proxy",
  date: new Date("2026-11-23T23:59:59Z"),
};
const NAMES = Object.keys(command.args ?? {});

test("the flags are those of the command's definition, with the choices that the program accepts", () => {
  const flags = readFlags();
  expect(flags.map(({ name }) => name)).toEqual(NAMES);
  for (const { name, choices } of flags) {
    for (const choice of choices) expect(readOptions([`--${name}=${choice}`])).toBeObject();
    if (choices.length > 0) expect(() => readOptions([`--${name}=never`])).toThrow();
  }
});

describe("the man page", () => {
  const page = manPage(FACTS);

  test("names the short form of a flag after the long one", () => {
    expect(page).toContain("\n.It Fl -help , Fl h\n");
  });

  test("has an item for every flag, with its description and default", () => {
    for (const { name, description, default: normal } of readFlags()) {
      const item = page.split(`.It Fl -${name}`)[1]?.split(/^\.(It|El)/m)[0] ?? "";
      expect(item.replaceAll("\\-", "-")).toContain(description);
      if (normal !== undefined) expect(item.replaceAll("\\-", "-")).toContain(`The default is \\fB${normal}`);
    }
  });

  test("has a section for every command, with its own flags", () => {
    for (const { name, flags } of readSubcommands()) {
      const section = page.split(`.Ss ${name}\n`)[1]?.split(/^\.S[hs]/m)[0] ?? "";
      for (const flag of flags)
        expect(section.replaceAll("\\-", "-")).toMatch(new RegExp(`-${flag.name}\\b`));
    }
  });

  test("has the version, and the date of the commit, not of the build", () => {
    expect(page).toContain(".Dd November 23, 2026\n");
    expect(page).toContain(".Os cache-proxy 1.2.3\n");
  });

  test.skipIf(!Bun.which("mandoc"))("passes mandoc's lint", async () => {
    expect(await run(["mandoc", "-T", "lint", "-W", "warning"], page)).toEqual({ output: "", exitCode: 0 });
  });

  test.skipIf(!Bun.which("man"))("is rendered by man", async () => {
    const { output, exitCode } = await run(["man", "-l", "-"], page);
    expect(exitCode).toBe(0);
    for (const name of NAMES) expect(output).toContain(`--${name}`);
  });
});

describe("bash completion", () => {
  const cases: [typed: string[], want: string[]][] = [
    [["--to"], ["--tools"]],
    [["--"], NAMES.map((name) => `--${name}`)],
    [
      ["--tools", ""],
      ["stable", "keep"],
    ],
    [["--tools", "=", "st"], ["stable"]],
    [
      ["--tools", "="],
      ["stable", "keep"],
    ],
    [["--port", ""], []],
    [["--quiet", "--verb"], ["--verbose"]],
    [["d"], ["doctor"]],
    [["run", "--dr"], ["--dry-run"]],
    [["run", "--shell", "f"], ["fish"]],
    [["run", "--wait", "--", "compge"], ["compgen"]],
    [["doctor", "--no"], ["--no-self-test"]],
    [["doctor", "--dr"], []],
  ];
  test.skipIf(!Bun.which("bash")).each(cases)("completes %p to %p", async (typed, want) => {
    const words = ["cache-proxy", ...typed].map((word) => `'${word}'`).join(" ");
    const script = `${bashCompletion()}
COMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _cache_proxy
((\${#COMPREPLY[@]})) && printf '%s\\n' "\${COMPREPLY[@]}"; exit 0`;
    const { output, exitCode } = await run(["bash", "--noprofile", "--norc"], script);
    expect({ exitCode, words: output.split("\n").filter(Boolean) }).toEqual({ exitCode: 0, words: want });
  });
});

describe("zsh completion", () => {
  test.skipIf(!Bun.which("zsh"))("passes _arguments one quoted line per flag", async () => {
    const script = `_arguments() { printf '%s\\n' "$@" }\n${zshCompletion()}`;
    const { output, exitCode } = await run(["zsh", "-f"], script);
    expect(exitCode).toBe(0);
    const lines = output.trim().split("\n").slice(2);
    expect(lines.map((line) => /^\*?--([a-z-]+)/.exec(line)?.[1])).toEqual(NAMES);
    expect(lines.find((line) => line.startsWith("--tools"))).toEndWith(":(stable keep)");
  });
});

describe("fish completion", () => {
  const cases: [line: string, want: string[]][] = [
    ["cache-proxy --to", ["--tools"]],
    ["cache-proxy --tools ", ["keep", "stable"]],
    ["cache-proxy --log-format=j", ["--log-format=json"]],
    ["cache-proxy --port ", []],
    ["cache-proxy d", ["doctor"]],
    ["cache-proxy run --dr", ["--dry-run"]],
    ["cache-proxy doctor --no", ["--no-self-test"]],
  ];
  test.skipIf(!Bun.which("fish")).each(cases)("completes %p to %p", async (line, want) => {
    const { output, exitCode } = await run(
      ["fish", "--no-config"],
      `${fishCompletion()}\ncomplete -C '${line}'`,
    );
    const words = output
      .split("\n")
      .filter(Boolean)
      .map((row) => row.split("\t")[0]);
    expect({ exitCode, words: words.sort() }).toEqual({ exitCode: 0, words: want as (string | undefined)[] });
  });
});

// --- internal ---

async function run(command: string[], input: string): Promise<{ output: string; exitCode: number }> {
  const child = Bun.spawn(command, {
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, MANPAGER: "cat", MANWIDTH: "80", HOME: "/nonexistent" },
  });
  const output = await new Response(child.stdout).text();
  return { output, exitCode: await child.exited };
}
