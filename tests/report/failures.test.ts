import { expect, test } from "bun:test";
import { Failures } from "../../src/report/failures.ts";

test("failures are counted, and the last one is kept", () => {
  const heard: string[] = [];
  const failures = new Failures((description) => heard.push(description));
  expect(failures.view()).toEqual({ count: 0 });
  failures.note(new Error("one"));
  expect(failures.note(new TypeError("two"))).toBe("TypeError: two");
  expect(failures.view()).toEqual({ count: 2, last: "TypeError: two" });
  expect(heard).toEqual(["Error: one", "TypeError: two"]);
});

test("a contained part that throws is a failure and goes no further", () => {
  const failures = new Failures();
  let ran = false;
  failures.contain(() => {
    ran = true;
  });
  failures.contain(() => {
    throw new Error("no");
  });
  expect({ ran, count: failures.count }).toEqual({ ran: true, count: 1 });
});
