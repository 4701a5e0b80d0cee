import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

const MB = 2 ** 20;
const BODY = 200 * MB;

/** The proxy alone in a process, with a rewriting that copies every body as an edit does. */
const CHILD = `
  import { Upstream } from ${JSON.stringify(import.meta.resolve("../../src/upstream/upstream.ts"))};
  import { NOBODY } from ${JSON.stringify(import.meta.resolve("../support/unobserved.ts"))};
  import { startProxy } from ${JSON.stringify(import.meta.resolve("../../src/proxy/server.ts"))};
  const proxy = startProxy({ host: "127.0.0.1", port: 0, allowHosts: [], upstream: new Upstream({ origin: process.argv[1], basePath: "" }), observer: NOBODY,
    repair: (body) => ({ body: body.slice(), notes: [], facts: {} }) });
  console.log(proxy.url);`;

/** Resident memory of a process, now and at its highest, in MB (proc_pid_status(5)). */
function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

/** Reads a body without keeping it, and counts it. */
async function sizeOf(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let size = 0;
  for await (const chunk of body ?? []) size += chunk.length;
  return size;
}

test.skipIf(!existsSync("/proc/self/status"))(
  "a body of 200 MB takes at most three times its size, and gives it back while the upstream still works on it",
  async () => {
    const received = Promise.withResolvers<number>();
    const go = Promise.withResolvers<void>();
    using upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      maxRequestBodySize: 2 * BODY,
      async fetch(request) {
        received.resolve(await sizeOf(request.body));
        await go.promise;
        return new Response("done");
      },
    });
    await using child = Bun.spawn([process.execPath, "-e", CHILD, upstream.url.origin], { stdout: "pipe" });
    const { value } = await child.stdout.getReader().read();
    const before = memoryOf(child.pid).now;

    const answer = fetch(new TextDecoder().decode(value).trim(), {
      method: "POST",
      body: new Uint8Array(BODY),
    });
    expect(await received.promise).toBe(BODY);
    expect(memoryOf(child.pid).peak - before).toBeLessThan((3 * BODY) / MB);
    // fetch keeps its copy until the answer; a body that is never given back is a test that never ends.
    while (memoryOf(child.pid).now - before > (1.2 * BODY) / MB) await Bun.sleep(20);
    go.resolve();
    expect(await (await answer).text()).toBe("done");
    while (memoryOf(child.pid).now - before > (0.2 * BODY) / MB) await Bun.sleep(20);
  },
  60_000,
);
