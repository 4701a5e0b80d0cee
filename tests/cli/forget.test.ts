import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forget } from "../../src/cli/forget.ts";
import { Heads } from "../../src/warm/heads.ts";

const root = mkdtempSync(join(tmpdir(), "cache-proxy-forget-"));
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("--forget removes what is remembered and says how much it was", async () => {
  const env = { XDG_CACHE_HOME: root };
  const folder = join(root, "cache-proxy", "heads");
  expect(await forget(env)).toBe("nothing is remembered");
  await new Heads(folder).save("/shop", { target: "/v1/messages", body: Buffer.from("{}") });
  expect(await forget(env)).toBe(`removed 1 remembered file from ${folder}`);
  expect(await forget(env)).toBe("nothing is remembered");
  expect(await forget({})).toBe("nothing is remembered");
});
