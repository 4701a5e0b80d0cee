import { expect, test } from "bun:test";
import { causeOf } from "../../src/upstream/cause.ts";

test("causeOf knows the codes of fetch, and repeats other messages", () => {
  expect(causeOf(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe("connection refused");
  expect(causeOf(new DOMException("x", "TimeoutError"))).toBe("no answer in time");
  expect(causeOf(new Error("certificate has expired"))).toBe("certificate has expired");
  expect(causeOf({})).toBe("unknown error");
});

test("of real failures of fetch", async () => {
  const failure = (url: string) =>
    fetch(url, { proxy: false }).then(
      () => undefined,
      (error: unknown) => causeOf(error),
    );
  const gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  await gone.stop(true);
  expect(await failure(gone.url.origin)).toBe("connection refused");
  expect(await failure("http://no-such-host.invalid/")).toBe("there is no host of that name");
});
