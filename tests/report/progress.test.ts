import { afterEach, expect, test } from "bun:test";
import { Failures } from "../../src/report/failures.ts";
import { ProgressPoll, progress } from "../../src/report/progress.ts";
import { PromptSizes } from "../../src/report/prompt-size.ts";
import type { RunningRequest } from "../../src/report/record.ts";
import type { Progress } from "../../src/report/running.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { FULL } from "./records.ts";

interface Told {
  readonly id: number;
  readonly progress: Progress;
}

let server: ReturnType<typeof Bun.serve> | undefined;
let poll: ProgressPoll | undefined;
afterEach(async () => {
  poll?.close();
  await server?.stop(true);
});

function request(id: number): RunningRequest {
  return { id, time: FULL.time, endpoint: "/v1/messages", session: "s", request_bytes: 40_000 };
}

interface Polling {
  readonly poll: ProgressPoll;
  readonly upstream: Upstream;
  readonly sizes: PromptSizes;
  readonly failures: Failures;
  readonly told: Told[];
  readonly asked: () => number;
  readonly next: () => Promise<Told>;
}

/** A poll of a server whose slots are given call by call; `told` holds what it reports, `asked` counts the questions. */
function polling(
  answers: (call: number) => Response,
  settings: { readonly wanted?: boolean; readonly restMs?: number; readonly windowMs?: number } = {},
): Polling {
  let calls = 0;
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answers(calls++) });
  const told: Told[] = [];
  let wake: (() => void) | undefined;
  const sizes = new PromptSizes();
  const failures = new Failures();
  const upstream = new Upstream({ origin: server.url.origin, basePath: "" });
  poll = new ProgressPoll({
    ...{ upstream, sizes, failures },
    wanted: () => settings.wanted ?? true,
    ...{ patienceMs: 1, intervalMs: 5, restMs: settings.restMs ?? 5, windowMs: settings.windowMs ?? 10_000 },
    progressed({ id }, progress) {
      told.push({ id, progress });
      wake?.();
    },
  });
  async function next(): Promise<Told> {
    while (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return told.shift()!;
  }
  return { poll, upstream, sizes, failures, told, asked: () => calls, next };
}

function slots(...figures: [task: number, cached: number, evaluated: number][]): Response {
  return Response.json(
    figures.map(([task, cached, evaluated]) => ({
      is_processing: true,
      id_task: task,
      n_prompt_tokens_cache: cached,
      n_prompt_tokens_processed: evaluated,
    })),
  );
}

test("a waiting request's progress is reported, with the measured speed and the guessed total", async () => {
  const { poll, sizes, next } = polling((call) => slots([3, 1000, 500 * (call + 1)]));
  sizes.ended({ ...FULL, request_bytes: 80_000, prompt_tokens: 80_000 });
  poll.sent(request(1));
  expect(await next()).toEqual({
    id: 1,
    progress: { done_tokens: 1500, cached_tokens: 1000, total_tokens_estimate: 40_000 },
  });
  const second = await next();
  expect(second.progress.done_tokens).toBe(2000);
  expect(second.progress.evaluated_tokens_per_second).toBeGreaterThan(0);
  expect(second.progress.seconds_left_estimate).toBeGreaterThanOrEqual(0);
});

test("the oldest task belongs to the oldest request", async () => {
  const { poll, next } = polling(() => slots([9, 0, 90], [4, 0, 40]));
  poll.sent(request(1));
  poll.sent(request(2));
  poll.sent(request(3));
  const told = [await next(), await next()];
  expect(told.map(({ id, progress }) => [id, progress.done_tokens])).toEqual([
    [1, 40],
    [2, 90],
  ]);
});

test("with more tasks than requests nothing is reported", async () => {
  const { poll, told, asked } = polling(() => slots([4, 0, 40], [9, 0, 90]));
  poll.sent(request(1));
  while (asked() < 3) await Bun.sleep(1);
  expect(told).toEqual([]);
});

test("an upstream that reports no slots is asked again after a rest", async () => {
  const { poll, next, failures } = polling((call) =>
    call === 0 ? new Response("no", { status: 501 }) : slots([1, 0, 10]),
  );
  poll.sent(request(1));
  expect((await next()).progress.done_tokens).toBe(10);
  expect(failures.count).toBe(0);
});

test("during the rest it is not asked, until it is back", async () => {
  const { poll, upstream, next, asked } = polling(
    (call) => (call === 0 ? new Response("no", { status: 501 }) : slots([1, 0, 10])),
    { restMs: 2 ** 30 },
  );
  poll.sent(request(1));
  while (asked() < 1) await Bun.sleep(1);
  await Bun.sleep(50);
  expect(asked()).toBe(1);
  upstream.noteLost();
  await upstream.probe();
  expect((await next()).progress.done_tokens).toBe(10);
});

test("nothing is asked once the answer has begun, or when nobody looks", async () => {
  const first = polling(() => slots());
  first.poll.sent(request(1));
  first.poll.answering(request(1));
  await Bun.sleep(50);
  expect(first.asked()).toBe(0);
  const second = polling(() => slots(), { wanted: false });
  second.poll.sent(request(1));
  await Bun.sleep(50);
  expect(second.asked()).toBe(0);
});

test("an upstream that was away is asked again, and each failed question is counted", async () => {
  const { poll, next, failures } = polling(() => slots());
  const port = server!.port!;
  await server!.stop(true);
  poll.sent(request(1));
  while (failures.count < 2) await Bun.sleep(1);
  server = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => slots([1, 0, 10]) });
  expect((await next()).progress.done_tokens).toBe(10);
  expect(failures.view().last).toMatch(/ConnectionRefused|ECONNREFUSED/);
});

test("a guess below the tokens already done is dropped", () => {
  expect(progress({ task: 1, cached: 100, evaluated: 900 }, 900, 50)).toEqual({
    ...{ done_tokens: 1000, cached_tokens: 100, evaluated_tokens_per_second: 50 },
  });
});

test("the guess of a prompt's length prefers its own conversation", () => {
  const sizes = new PromptSizes();
  expect(sizes.guess(request(1))).toBeUndefined();
  const ended = { ...FULL, session: "s", request_bytes: 1000 };
  sizes.ended({ ...ended, prompt_tokens: 500 });
  sizes.ended({ ...ended, session: "t", prompt_tokens: 250 });
  expect(sizes.guess({ ...request(3), agent: "main" })).toBe(20_000);
  expect(sizes.guess({ ...request(3), agent: "subagent", agent_id: "new" })).toBe(10_000);
});

test("the speed is that of the last seconds: a prefill gets slower as the prompt grows", async () => {
  const evaluated = (call: number): number => (call < 40 ? call * 1000 : 40_000 + (call - 40) * 10);
  const slots = (call: number): Response =>
    Response.json([
      {
        ...{ is_processing: true, id_task: 1 },
        ...{ n_prompt_tokens_cache: 0, n_prompt_tokens_processed: evaluated(call) },
      },
    ]);
  const { poll, next } = polling(slots, { windowMs: 50 });
  poll.sent(request(1));
  const speeds: number[] = [];
  for (let done = 0; done < 40_400; ) {
    const { progress } = await next();
    done = progress.done_tokens;
    speeds.push(progress.evaluated_tokens_per_second ?? 0);
  }
  expect(speeds.at(-1)!).toBeLessThan(speeds[30]! / 10);
});
