import { expect, test } from "bun:test";
import { whatNow } from "../../src/page/now.ts";
import type { Running } from "../../src/report/running.ts";
import { FULL } from "../report/records.ts";

const NOW = Date.parse(FULL.time) + 42_000;
const waits: Running = { id: 2, time: FULL.time, endpoint: "/v1/messages", state: "waiting" };
const busy: Running = { ...waits, id: 1, session: "4770aaaa-1", state: "answering" };
const since = new Date(NOW - 5_000).toISOString();

const cases: [name: string, request: Running, want: string][] = [
  ["waiting", waits, "waiting 42 s"],
  ["waiting for another one", { ...waits, after: 1 }, "waiting 42 s, after 4770aaaa"],
  [
    "prefilling",
    { ...waits, progress: { done_tokens: 12_300, cached_tokens: 1, total_tokens_estimate: 18_042 } },
    "prefill 12 300 / about 18 000 tokens · for 42 s",
  ],
  ["answering", { ...busy, answering_since: since }, "answering 5 s"],
  [
    "answering with tokens",
    { ...busy, answering_since: since, output_tokens: 310 },
    "answering 5 s, 310 tokens",
  ],
];
test.each(cases)("%s", (_, request, want) => expect(whatNow(request, [busy, request], NOW)).toBe(want));
