import { expect, test } from "bun:test";
import { join } from "node:path";

const BENCH = join(import.meta.dir, "../../scripts/bench/load.ts");

test("conversations that stream at once all get every event", async () => {
  const child = Bun.spawn([process.execPath, BENCH, "50", "2", "20"], { stdout: "pipe", stderr: "pipe" });
  const output = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  expect(output).toMatch(/^errors +0$/m);
  const answers = Number(/^proxied, 50 +(\d+) answers/m.exec(output)?.[1]);
  // How many depends on the machine.
  expect(answers).toBeGreaterThan(0);
}, 60_000);
