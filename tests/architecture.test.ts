import { describe, expect, test } from "bun:test";
import { join, normalize } from "node:path";

const ROOT = join(import.meta.dir, "..");
const SOURCE = join(ROOT, "src");

/** ARCHITECTURE.md draws them: a room imports from rooms on lower floors only, never from its own floor or from above. */
const FLOORS: readonly (readonly string[])[] = [
  ["main"],
  ["cli"],
  ["app"],
  ["terminal", "web"],
  ["page"],
  ["warm", "proxy", "report"],
  ["session", "upstream"],
  ["prefix"],
  ["rewrite", "usage"],
  ["request"],
  ["format"],
];
/** Values in, values out: these rooms do nothing and ask nothing. */
const PURE = ["prefix", "rewrite", "usage", "request", "format"];
/** What a pure room cannot have: files, network, clock, environment, output, chance. */
const IMPURE =
  /\b(?:fetch\(|console\.|process\.|performance\.|Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|Bun\.(?!hash\b)|node:(?!buffer"|util"))/;

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** `main.ts` is the room `main`, `cli/serve.ts` is in the room `cli`. */
function roomOf(path: string): string {
  return path.split("/")[0]!.replace(/\.ts$/, "");
}

async function sources(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const path of new Bun.Glob("**/*.ts").scan(SOURCE))
    found.set(path, await Bun.file(join(SOURCE, path)).text());
  return found;
}

function importsIn(file: string, text: string): Import[] {
  return [...text.matchAll(/\bfrom "(\.[^"]+)"|^import "(\.[^"]+)"/gm)].map((match) => {
    const target = normalize(join(file, "..", match[1] ?? match[2]!));
    return { file, from: roomOf(file), to: roomOf(target), text: target };
  });
}

const all = await sources();
const imports = [...all].flatMap(([file, text]) => importsIn(file, text));
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room));

describe("the rooms of src/", () => {
  test("are all on a floor", () => {
    const rooms = new Set([...all.keys()].map(roomOf));
    expect([...rooms].filter((room) => floorOf(room) < 0)).toEqual([]);
    expect(imports.length).toBeGreaterThan(100);
  });

  test("import from lower floors only", () => {
    const inside = imports.filter(({ text }) => !text.startsWith(".."));
    const wrong = inside.filter(({ from, to }) => from !== to && floorOf(to) <= floorOf(from));
    expect(wrong.map(({ file, text }) => `${file} imports ${text}`)).toEqual([]);
  });

  test("import nothing outside of src/ but package.json", () => {
    const outside = imports.filter(({ text }) => text.startsWith(".."));
    expect(outside.filter(({ text }) => text !== "../package.json")).toEqual([]);
  });

  test("that are pure do no I/O and read no clock", () => {
    const impure = [...all].flatMap(([file, text]) => {
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      const found = PURE.includes(roomOf(file)) ? IMPURE.exec(code) : null;
      return found ? [`${file}: ${found[0]}`] : [];
    });
    expect(impure).toEqual([]);
  });

  test("are all named in ARCHITECTURE.md, which is at most 60 lines long", async () => {
    const text = await Bun.file(join(ROOT, "ARCHITECTURE.md")).text();
    const rooms = new Set([...all.keys()].map(roomOf).filter((room) => room !== "main" && room !== "app"));
    expect([...rooms].filter((room) => !text.includes(`src/${room}/`))).toEqual([]);
    expect(text.split("\n").length).toBeLessThanOrEqual(61);
  });

  test("name nothing outside of the repository or the public web in their comments", () => {
    const named = [...all].filter(([, text]) => /\bIssue \d+ says|\.\.\/shared\//.test(text));
    expect(named.map(([file]) => file)).toEqual([]);
  });
});
