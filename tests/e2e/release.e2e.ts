import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryFaults } from "../../scripts/release/binary-check.ts";
import { hostTarget, TARGETS } from "../../scripts/release/targets.ts";
import { makeBareRoot } from "../release/bare-root.ts";
import { copyCheckout, run, type Scratch } from "../release/scratch.ts";
import { startChild, within } from "./support/child.ts";

/** Releases the same commit from two folders, for this machine and for macOS on arm64. */
setDefaultTimeout(300_000);

const VERSION = (await Bun.file(join(import.meta.dir, "../../package.json")).json()).version as string;
const HOST = `cache-proxy-${VERSION}-${hostTarget().name}`;
const MACOS = `cache-proxy-${VERSION}-macos-arm64`;
const ASKED = ["--target", hostTarget().name, "--target", "macos-arm64"];
const AS_ROOT = process.platform === "linux" && process.getuid?.() === 0;

const folder = mkdtempSync(join(tmpdir(), "release-"));
const unpacked = join(folder, "unpacked");
let first: Scratch;
let second: Scratch;

beforeAll(async () => {
  if (AS_ROOT) await installTools();
  first = await copyCheckout(join(folder, "first"));
  second = await copyCheckout(join(folder, "another/place"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the release script", () => {
  test("refuses a commit without a tag, and one whose tag is another version", async () => {
    for (const [tag, said] of [
      [undefined, "no tag"],
      ["v9.9.9", "the tag is v9.9.9"],
    ] as const) {
      if (tag) await first.tag(tag);
      const { exitCode, stderr } = await first.release(...ASKED);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(said) });
    }
    expect(readdirSync(first.root)).not.toContain("dist");
  });

  test("builds the same bytes from one commit in two folders", async () => {
    for (const scratch of [first, second]) {
      await scratch.tag(`v${VERSION}`);
      expect(await scratch.release(...ASKED)).toMatchObject({ exitCode: 0 });
    }
    const names = readdirSync(first.dist).sort();
    expect(names).toEqual(readdirSync(second.dist).sort());
    for (const name of names)
      expect(await sum(join(second.dist, name))).toBe(await sum(join(first.dist, name)));
    expect(names).toEqual(
      [`${HOST}.tar.gz`, `${MACOS}.tar.gz`]
        .flatMap((file) => [file, `${file}.sha256`])
        .concat("SHA256SUMS", "cache-proxy.rb")
        .sort(),
    );
  });

  test("writes sums that sha256sum accepts, and archives with one folder of the same name", async () => {
    for (const sums of readdirSync(first.dist).filter((name) => /sha256$|SUMS$/.test(name))) {
      await run(["sha256sum", "--check", "--strict", sums], first.dist);
    }
    mkdirSync(unpacked);
    for (const name of [HOST, MACOS]) await run(["tar", "xzf", join(first.dist, `${name}.tar.gz`)], unpacked);
    expect(readdirSync(unpacked).sort()).toEqual([HOST, MACOS].sort());
    expect(readdirSync(join(unpacked, MACOS)).sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "cache-proxy",
      "completions",
      "man",
      "service",
    ]);
  });

  test("finds one changed byte in a macOS binary", async () => {
    const macos = TARGETS.find(({ name }) => name === "macos-arm64")!;
    const bytes = await Bun.file(join(unpacked, MACOS, "cache-proxy")).bytes();
    expect(binaryFaults(bytes, macos)).toEqual([]);
    bytes[bytes.length >> 1]! ^= 1;
    expect(binaryFaults(bytes, macos)).toEqual([
      expect.stringMatching(/1 of \d+ pages changed after signing/),
    ]);
  });
});

describe("the binary", () => {
  const binary = () => join(unpacked, HOST, "cache-proxy");

  test("prints its version whatever environment variables of Bun or Node are set", async () => {
    const names = await variablesOfBun();
    for (const value of ["1", "--version", "--print=process"]) {
      // Several at a time: one by one they take half a minute.
      for (let at = 0; at < names.length; at += 8) {
        const env = Object.fromEntries(names.slice(at, at + 8).map((name) => [name, value]));
        const { stdout } = await run([binary(), "--version"], folder, env);
        expect(`${JSON.stringify(env)}: ${stdout}`).toBe(`${JSON.stringify(env)}: ${VERSION}\n`);
      }
    }
  });

  test("runs nothing from a hostile folder", async () => {
    const hostile = await hostileFolder();
    const env = { NODE_OPTIONS: "--require ./evil.js", BUN_OPTIONS: "--preload ./evil.js", BUN_BE_BUN: "1" };
    for (const args of [["--version"], ["--help"]]) {
      const { stdout, stderr } = await run([binary(), ...args], hostile, { HOME: hostile, ...env });
      expect(stdout + stderr).not.toContain("EVIL");
      expect(stdout).toContain(args[0] === "--version" ? VERSION : "--upstream");
    }
  });

  test.skipIf(!AS_ROOT)("opens no file in its working directory", async () => {
    const hostile = await hostileFolder();
    const log = join(folder, "strace.log");
    const command = ["strace", "-f", "-e", "trace=%file", "-o", log, binary(), "--port", "0"];
    await using child = startChild(command, { cwd: hostile, env: { PATH: process.env.PATH ?? "" } });
    await answer(child, (url) => fetch(url));
    const calls = (await Bun.file(log).text()).split("\n").filter((line) => !line.includes("getcwd("));
    expect(calls.length).toBeGreaterThan(10);
    expect(calls.filter((line) => line.includes(hostile) || /AT_FDCWD, "[^/]|\w\("[^/]/.test(line))).toEqual(
      [],
    );
  });

  test.skipIf(!AS_ROOT)(
    "installs with README's command on a root without Bun or Node, and answers",
    async () => {
      const root = await makeBareRoot(join(folder, "root"), first.dist);
      await root.shell(await readmeLine(`${HOST}.tar.gz`));
      expect((await root.shell("cd /tmp; cache-proxy --version")).stdout).toBe(`${VERSION}\n`);
      await using child = startChild(root.inside("cache-proxy", "--port", "0"), {
        env: { PATH: process.env.PATH ?? "" },
      });
      expect(await answer(child, async (url) => (await fetch(`${url}/v1/models`)).status)).toBe(502);
    },
  );
});

describe.skipIf(!AS_ROOT)("the formula and the documents", () => {
  test("the formula is valid Ruby, installs from its archive and passes its own test", async () => {
    const formula = join(first.dist, "cache-proxy.rb");
    await run(["ruby", "-c", formula], folder);
    const load = async (...args: string[]) => {
      const stub = join(import.meta.dir, "../release/formula-stub.rb");
      return JSON.parse((await run(["ruby", stub, formula, ...args], folder)).stdout);
    };
    expect(await load("macos", "arm")).toMatchObject({
      version: VERSION,
      arch: "arm64",
      url: expect.stringContaining(`/releases/download/v${VERSION}/${MACOS}.tar.gz`),
      sha256: await sum(join(first.dist, `${MACOS}.tar.gz`)),
      service: { run: expect.stringContaining("bin/cache-proxy"), keep_alive: { crashed: true } },
    });
    const here = ["linux", process.arch === "arm64" ? "arm" : "intel"];
    expect(await load(...here, first.dist, join(folder, "prefix"))).toMatchObject({
      installed: [
        "bin/cache-proxy",
        "etc/bash_completion.d/cache-proxy",
        "share/fish/vendor_completions.d/cache-proxy.fish",
        "share/man/man1/cache-proxy.1",
        "share/zsh/site-functions/_cache-proxy",
      ],
    });
  });

  test("the shells accept the completions, and the man page passes mandoc's lint", async () => {
    const here = join(unpacked, HOST);
    await run(["bash", "-n", "completions/cache-proxy.bash"], here);
    await run(["zsh", "-n", "completions/_cache-proxy"], here);
    await run(["fish", "--no-execute", "completions/cache-proxy.fish"], here);
    await run(["mandoc", "-T", "lint", "-W", "warning", "man/cache-proxy.1"], here);
  });
});

// --- internal ---

/** Installs the Debian packages of missing tools. */
async function installTools(): Promise<void> {
  const tools = {
    busybox: "busybox-static",
    fish: "fish",
    mandoc: "mandoc",
    ruby: "ruby",
    strace: "strace",
    zsh: "zsh",
  };
  const missing = Object.entries(tools).filter(([command]) => !Bun.which(command));
  if (missing.length === 0) return;
  await run(["apt-get", "update", "-qq"], "/");
  const packages = missing.map(([, name]) => name);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages], "/", env);
}

/** Every BUN_… and NODE_… name in the runtime. Without BUN_JSC_…: the engine exits when it does not know a value. */
async function variablesOfBun(): Promise<string[]> {
  const runtime = Buffer.from(await Bun.file(process.execPath).bytes()).toString("latin1");
  return [...new Set(runtime.match(/\b(?:BUN(?!_JSC_)|NODE)_[A-Z0-9_]{2,}/g))].sort();
}

/** A project folder with files that make Bun run code or change settings. */
async function hostileFolder(): Promise<string> {
  const hostile = mkdtempSync(join(folder, "hostile-"));
  const settings = "BUN_BE_BUN=1\nBUN_OPTIONS=--version\nPORT=1\nNODE_ENV=development\n";
  for (const name of [".env", ".env.local", ".env.production"])
    await Bun.write(join(hostile, name), settings);
  for (const name of ["bunfig.toml", ".bunfig.toml"]) {
    await Bun.write(join(hostile, name), 'preload = ["./evil.js"]\n');
  }
  await Bun.write(join(hostile, "evil.js"), "console.log('EVIL'); process.exit(9);\n");
  await Bun.write(join(hostile, "tsconfig.json"), '{"compilerOptions":{"paths":{"*":["./evil.js"]}}}');
  await Bun.write(join(hostile, "package.json"), '{"name":"evil","version":"6.6.6","main":"evil.js"}');
  for (const name of ["citty", "consola"]) {
    await Bun.write(join(hostile, "node_modules", name, "index.js"), "console.log('EVIL')");
  }
  return hostile;
}

/** Waits for the banner, and calls `ask` with the URL in it. */
async function answer<T>(child: ReturnType<typeof startChild>, ask: (url: string) => Promise<T>): Promise<T> {
  const [, url = ""] = await within(30_000, child.said(/ANTHROPIC_BASE_URL=(http:\S+)/), child.messages);
  return await ask(url);
}

/** The command in README that downloads and installs this archive. */
async function readmeLine(archive: string): Promise<string> {
  const readme = await Bun.file(join(first.root, "README.md")).text();
  const line = readme.split("\n").find((text) => text.includes(archive));
  if (line === undefined) throw new Error(`README.md has no line that installs ${archive}`);
  return line;
}

async function sum(path: string): Promise<string> {
  return new Bun.CryptoHasher("sha256").update(await Bun.file(path).bytes()).digest("hex");
}
