import { expect, test } from "bun:test";
import { BadAnswer, causeOf, failureOf } from "../../src/upstream/cause.ts";
import { startUpstream } from "../support/upstream.ts";

test("causeOf knows the codes of fetch, and repeats other messages", () => {
  expect(causeOf(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe("connection refused");
  expect(causeOf(new DOMException("x", "TimeoutError"))).toBe("no answer in time");
  expect(causeOf(new Error("certificate has expired"))).toBe("certificate has expired");
  expect(causeOf({})).toBe("the request failed (unknown error)");
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

test("of a real answer that is not HTTP: the sentence says so and never repeats the query", async () => {
  const answers = [
    ["HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!", "content-length"],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: foo\r\n\r\nhello", "transfer-encoding"],
    ["HTTP/2 200 OK\r\n\r\n", "it is not HTTP"],
    ["SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP"],
  ] as const;
  for (const [answer, words] of answers) {
    await using upstream = await startUpstream((connection) => {
      connection.write(answer);
      connection.end();
    });
    const error = await fetch(`${upstream.origin}/x?secret=1`, { keepalive: false, proxy: false }).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    const sentence = failureOf(error, upstream.origin);
    expect(sentence).toContain(words);
    expect(sentence).not.toMatch(/secret|verbose/);
  }
});

test("failureOf says what to do only where it helps", () => {
  const failed = (code: string) => Object.assign(new Error("x"), { code });
  expect(failureOf(failed("ECONNREFUSED"), "http://a")).toBe(
    "cannot reach llama-server at http://a: connection refused; start it or pass --upstream",
  );
  expect(failureOf(failed("EMFILE"), "http://a")).toBe(
    "no connection to http://a: this process has too many open files; raise the limit with ulimit -n",
  );
  expect(failureOf(new BadAnswer("HTTP has no status 999"), "http://a")).toBe(
    "the answer of http://a cannot be passed on: HTTP has no status 999",
  );
});
