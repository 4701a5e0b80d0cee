import { expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";

const PAGE = join(import.meta.dir, "../../src/page");

test("the page imports its own modules, pure formatting, and types only from the server side", async () => {
  const found: string[] = [];
  for await (const name of new Glob("*.ts").scan(PAGE)) {
    const text = await Bun.file(join(PAGE, name)).text();
    for (const [statement] of text.matchAll(/^import (?!type )[^;]*;/gm)) found.push(`${name}: ${statement}`);
  }
  expect(found.length).toBeGreaterThan(10);
  expect(found.filter((statement) => !/ from "(?:\.|\.\.\/format)\/[\w-]+\.ts";$/.test(statement))).toEqual(
    [],
  );
});
