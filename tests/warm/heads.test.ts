import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectAt, projectOf } from "../../src/warm/head.ts";
import { forgetHeads, Heads, headsFolder } from "../../src/warm/heads.ts";

let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cache-proxy-heads-"));
  folder = join(root, "cache-proxy", "heads");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const head = (body: string) => ({ target: "/v1/messages?beta=true", body: Buffer.from(body) });

/** Files of one moment have no order: makes what is there so far a minute older. */
function age(): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const at = new Date(statSync(path).mtimeMs - 60_000);
    utimesSync(path, at, at);
  }
}

describe("remembered heads", () => {
  test("of the wanted project come first, whatever its folder's name is", async () => {
    for (const directory of ["/home/u/shop", '/home/u/Müller\'s "shop"']) {
      const system = `You work here.\n - Primary working directory: ${directory}\nMore.`;
      const own = head(JSON.stringify({ system }));
      const heads = new Heads(join(folder, Bun.hash(directory).toString(36)));
      await heads.save(projectOf(own.body), own);
      await heads.save("/blog", head("two"));
      expect(await heads.latest(projectAt(directory))).toEqual(own);
      expect(await heads.latest(projectAt("/home/u/other"))).toBeDefined();
    }
  });

  test("come back as they were, the latest one first", async () => {
    const heads = new Heads(folder);
    expect(await heads.latest()).toBeUndefined();
    await heads.save("/shop", head('{"é":"one\\n"}\n'));
    age();
    await heads.save("/blog", head("two"));
    expect(await new Heads(folder).latest()).toEqual(head("two"));
    age();
    await heads.save("/shop", head('{"é":"one\\n"}\n'));
    expect(await new Heads(folder).latest()).toEqual(head('{"é":"one\\n"}\n'));
  });

  test("are one file for each project, which only its owner can read", async () => {
    const heads = new Heads(folder);
    await heads.save("/shop", head("one"));
    await heads.save("/shop", head("two"));
    await heads.save("/blog", head("three"));
    expect(readdirSync(folder)).toHaveLength(2);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test("are written once", async () => {
    const heads = new Heads(folder);
    await heads.save("/shop", head("one"));
    const [name = ""] = readdirSync(folder);
    writeFileSync(join(folder, name), "changed");
    await heads.save("/shop", head("one"));
    expect(readFileSync(join(folder, name), "utf8")).toBe("changed");
  });

  test("are at most so many, and none is too large", async () => {
    const heads = new Heads(folder, { heads: 3, bytes: 10 });
    for (let index = 0; index < 6; index++) {
      await heads.save(`/project ${index}`, head(`body ${index}`));
      age();
    }
    expect(readdirSync(folder)).toHaveLength(3);
    expect((await heads.latest())?.body.toString()).toBe("body 5");
    await heads.save("/large", head("x".repeat(11)));
    expect((await heads.latest())?.body.toString()).toBe("body 5");
  });

  test("that somebody has damaged are ignored", async () => {
    const heads = new Heads(folder);
    await heads.save("/shop", head("one"));
    const [name = ""] = readdirSync(folder);
    for (const content of ["", "no line", "http://elsewhere/\n{}", "/a b\n{}"]) {
      writeFileSync(join(folder, name), content);
      expect(await heads.latest()).toBeUndefined();
    }
  });

  test("are left out without an error where the folder is a file", async () => {
    writeFileSync(join(root, "cache-proxy"), "");
    await new Heads(folder).save("/shop", head("one"));
    expect(await new Heads(folder).latest()).toBeUndefined();
  });

  test("can be forgotten", async () => {
    expect(await forgetHeads(folder)).toBe(0);
    const heads = new Heads(folder);
    await heads.save("/shop", head("one"));
    await heads.save("/blog", head("two"));
    writeFileSync(join(folder, "other"), "");
    expect(await forgetHeads(folder)).toBe(2);
    expect(readdirSync(folder)).toEqual(["other"]);
  });
});

describe("the folder of the heads", () => {
  test.each([
    ["XDG_CACHE_HOME", { XDG_CACHE_HOME: "/cache", HOME: "/home/me" }, "linux", "/cache/cache-proxy/heads"],
    ["~/.cache", { HOME: "/home/me" }, "linux", "/home/me/.cache/cache-proxy/heads"],
    [
      "not a relative XDG_CACHE_HOME",
      { XDG_CACHE_HOME: "cache", HOME: "/home/me" },
      "linux",
      "/home/me/.cache/cache-proxy/heads",
    ],
    ["~/Library/Caches", { HOME: "/Users/me" }, "darwin", "/Users/me/Library/Caches/cache-proxy/heads"],
    ["nowhere without a home", {}, "linux", undefined],
  ] as const)("is in %s", (_, env, platform, want) => {
    expect(headsFolder(env, platform)).toBe(want);
  });
});
