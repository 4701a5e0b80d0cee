import { expect, test } from "bun:test";
import { Failures } from "../../src/report/failures.ts";
import { Report } from "../../src/report/report.ts";
import { describe, readHead } from "../../src/request/request.ts";
import { Upstream } from "../../src/upstream/upstream.ts";

test("a client that leaves during the prefill is counted with what it cost", async () => {
  const slot = { is_processing: true, id_task: 1, n_prompt_tokens_cache: 300 };
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => Response.json([{ ...slot, n_prompt_tokens_processed: 28_672 }]),
  });
  const report = new Report({
    upstream: new Upstream({ origin: server.url.origin, basePath: "" }),
    failures: new Failures(),
    progressWanted: () => true,
    progressTimes: { patienceMs: 1, intervalMs: 1 },
  });
  const head = readHead("POST", "/v1/messages", new Headers(), performance.now());
  const observation = report.observer.begin(describe(head, { stream: true }, 9));
  observation.sent();
  while (report.stats().running[0]?.progress === undefined) await Bun.sleep(1);
  observation.end("client_gone");
  report.close();
  expect(report.stats()).toMatchObject({
    totals: { abandoned_tokens: 28_672, evaluated_tokens: 0, failures: [{ kind: "left", count: 1 }] },
    requests: [{ outcome: "client_gone", abandoned_tokens: 28_672 }],
  });
  expect(report.costliest.list()).toMatchObject([{ abandoned_tokens: 28_672 }]);
});
