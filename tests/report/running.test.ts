import { expect, test } from "bun:test";
import { RunningRequests } from "../../src/report/running.ts";
import { FULL } from "./records.ts";

const request = (id: number) => ({ id, time: FULL.time, endpoint: "/v1/messages" });

test("a request waits for the one that has the slot, as far as the slots are known", () => {
  const running = new RunningRequests();
  for (const id of [1, 2, 3]) running.sent(request(id));
  running.answering(request(1));
  const after = (): (number | undefined)[] => running.list().map((one) => one.after);
  expect(after()).toEqual([undefined, undefined, undefined]);
  running.slots = 1;
  expect(after()).toEqual([undefined, 1, 1]);
  running.slots = 2;
  expect(after()).toEqual([undefined, undefined, undefined]);
  running.progressed(2, { done_tokens: 9, cached_tokens: 1 });
  expect(after()).toEqual([undefined, undefined, 1]);
});

test("an answer has a start and its tokens so far", () => {
  const running = new RunningRequests();
  running.sent(request(1));
  running.answering(request(1));
  running.generated(request(1), 310);
  expect(running.list()).toMatchObject([{ state: "answering", output_tokens: 310 }]);
  expect(Date.parse(running.list()[0]!.answering_since!)).toBeNumber();
});
