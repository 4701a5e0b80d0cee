import { expect, test } from "bun:test";
import { Backlog } from "../../src/report/backlog.ts";
import { Failures } from "../../src/report/failures.ts";

test("jobs run later, in order, and a failing one stops no other", async () => {
  const failures = new Failures();
  const backlog = new Backlog(failures);
  const done: number[] = [];
  backlog.add(() => void done.push(1));
  backlog.add(() => {
    throw new Error("no");
  });
  backlog.add(() => void done.push(2));
  expect(done).toEqual([]);
  while (done.length === 0) await Bun.sleep(1);
  expect(done).toEqual([1, 2]);
  expect(failures.view()).toEqual({ count: 1, last: "Error: no" });
});

test("jobs that hold too much memory run at once", () => {
  const backlog = new Backlog(new Failures());
  let done = 0;
  for (let i = 0; i < 100; i++) backlog.add(() => done++, 10_000);
  expect(done).toBeGreaterThan(50);
  backlog.flush();
  expect(done).toBe(100);
});

test("a job may add another", async () => {
  const backlog = new Backlog(new Failures());
  const done: number[] = [];
  backlog.add(() => backlog.add(() => void done.push(1)));
  backlog.flush();
  expect(done).toEqual([]);
  while (done.length === 0) await Bun.sleep(1);
});
