import { describe, expect, test } from "bun:test";
import { Failures } from "../../src/report/failures.ts";
import { Recorder as RealRecorder } from "../../src/report/recorder.ts";
import type { Observation, Observer, Outcome } from "../../src/request/observer.ts";
import type { ClientRequest } from "../../src/request/request.ts";
import { request } from "../support/client.ts";
import { proxyTo } from "../support/proxy.ts";
import { answerText, type Connection, chunkedHead, chunkOf, startUpstream } from "../support/upstream.ts";

/** Records its calls, in order. */
class Listening implements Observer {
  readonly calls: unknown[] = [];
  readonly requests: ClientRequest[] = [];
  readonly ended: Promise<Outcome>;
  #hasEnded = false;
  #end: (outcome: Outcome) => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  refused(status: number): void {
    this.calls.push(["refused", status]);
  }

  begin(begun: ClientRequest): Observation {
    this.requests.push(begun);
    return {
      rewritten: () => {},
      sent: () => void this.calls.push("sent"),
      answered: (status, headers) => void this.calls.push(["answered", status, headers.get("x-a")]),
      chunk: (bytes) => void this.calls.push(["chunk", Buffer.from(bytes).toString()]),
      end: (outcome) => {
        if (this.#hasEnded) return;
        this.#hasEnded = true;
        this.calls.push(["end", outcome]);
        this.#end(outcome);
      },
    };
  }
}

const FACTS = { model: "m", stream: true, tools: 2 };

async function watch(
  answer: (connection: Connection) => void,
  play: (port: number) => Promise<unknown>,
  firstPingMs = 2 ** 30,
): Promise<Listening> {
  const recorder = new Listening();
  await using upstream = await startUpstream(answer);
  await using proxy = proxyTo(`${upstream.origin}/base`, {
    observer: recorder,
    limits: { firstPingMs, nextPingMs: 5 },
    repair: (body) => ({ body, notes: [], facts: FACTS }),
  });
  await play(proxy.port);
  await recorder.ended;
  return recorder;
}

const post = (port: number) =>
  fetch(`http://127.0.0.1:${port}/v1/messages?beta=true`, {
    method: "POST",
    body: "{}",
    headers: { "x-claude-code-session-id": "s" },
  });
const read = async (port: number) => await (await post(port)).text();

describe("the observer", () => {
  test("learns of a request, its parts as they pass, and its end", async () => {
    const recorder = await watch(
      ({ write }) =>
        write(
          `${chunkedHead(["content-type: text/event-stream", "x-a: 1"])}${chunkOf("data: 1\n\n")}0\r\n\r\n`,
        ),
      read,
    );
    expect(recorder.calls).toEqual([
      "sent",
      ["answered", 200, "1"],
      ["chunk", "data: 1\n\n"],
      ["end", "complete"],
    ]);
    const [begun] = recorder.requests;
    expect(begun).toMatchObject({ method: "POST", path: "/v1/messages", model: "m", stream: true, bytes: 2 });
    expect(begun?.arrivedAt).toBeLessThanOrEqual(performance.now());
  });

  test("learns of the parts of a held answer, and of an answer without a body", async () => {
    const held = await watch(
      ({ write }) => write(answerText("{}", "400 Bad Request", ["content-type: application/json"])),
      read,
    );
    expect(held.calls).toEqual(["sent", ["answered", 400, null], ["chunk", "{}"], ["end", "complete"]]);
    const empty = await watch(({ write }) => write("HTTP/1.1 204 No Content\r\n\r\n"), read);
    expect(empty.calls).toEqual(["sent", ["answered", 204, null], ["end", "complete"]]);
  });

  test("sees the upstream's own bytes after pings, not the pings", async () => {
    const recorder = await watch(
      async (connection) => {
        await Bun.sleep(30);
        connection.write(`${chunkedHead()}${chunkOf("data: 1\n\n")}0\r\n\r\n`);
      },
      async (port) => expect(await read(port)).toStartWith("event: ping\n"),
      1,
    );
    expect(recorder.calls).toEqual([
      "sent",
      ["answered", 200, null],
      ["chunk", "data: 1\n\n"],
      ["end", "complete"],
    ]);
  });

  const ENDINGS: [string, Outcome, (connection: Connection) => void][] = [
    ["could not be reached", "unreachable", (connection) => connection.end()],
    [
      "died after its headers",
      "broken",
      (connection) => {
        connection.write(chunkedHead() + chunkOf("a"));
        connection.end();
      },
    ],
  ];
  for (const firstPingMs of [2 ** 30, 1]) {
    test.each(ENDINGS)(
      `an upstream that %s is %s (first ping after ${firstPingMs} ms)`,
      async (_name, outcome, answer) => {
        const delayed = async (connection: Connection) => {
          if (firstPingMs === 1) await Bun.sleep(20);
          answer(connection);
        };
        const recorder = await watch(delayed, (port) => read(port).catch(() => {}), firstPingMs);
        expect(recorder.calls.at(-1)).toEqual(["end", outcome]);
        expect(recorder.calls.filter((call) => Array.isArray(call) && call[0] === "end")).toHaveLength(1);
      },
    );

    test(`a client that goes has left, before and in an answer (first ping after ${firstPingMs} ms)`, async () => {
      for (const text of ["", chunkedHead() + chunkOf("a")]) {
        const arrived = Promise.withResolvers<void>();
        const recorder = await watch(
          (connection) => {
            connection.write(text);
            arrived.resolve();
          },
          async (port) => {
            const client = await request(port, "POST /v1/messages", [], "{}");
            await arrived.promise;
            if (text) await client.until("\r\na\r\n");
            client.leave();
          },
          firstPingMs,
        );
        expect(recorder.calls.at(-1)).toEqual(["end", "client_gone"]);
      }
    });
  }

  test("knows every end when the proxy has stopped", async () => {
    const recorder = new Listening();
    await using upstream = await startUpstream(({ write }) => write(answerText("ok")));
    await using proxy = proxyTo(upstream.origin, { observer: recorder });
    const answer = read(proxy.port);
    while (upstream.requests.length === 0) await Bun.sleep(1);
    await proxy.stop();
    expect(recorder.calls.at(-1)).toEqual(["end", "complete"]);
    expect(await answer).toBe("ok");
  });

  test("begins nothing for requests that are refused or the proxy's own", async () => {
    const recorder = new Listening();
    await using proxy = proxyTo("http://127.0.0.1:9", { observer: recorder, limits: { requestBytes: 3 } });
    await fetch(proxy.url, { headers: { host: "evil.example" } });
    await fetch(`${proxy.url}/cache-proxy/`);
    await fetch(proxy.url, { method: "POST", body: "four" });
    expect(recorder.requests).toEqual([]);
  });
});

describe("a listener of the report that fails", () => {
  const fail = () => {
    throw new Error("a mistake in measuring");
  };
  test.each(["rewritten", "sent", "answering", "ended", "passed"] as const)(
    "in %s is not seen by the client, and is counted",
    async (name) => {
      await using upstream = await startUpstream(({ write }) =>
        write(`${chunkedHead()}${chunkOf("data: {}\n\n")}${chunkOf("b")}0\r\n\r\n`),
      );
      const failures = new Failures();
      const recorder = new RealRecorder(failures);
      recorder.listen({ [name]: fail });
      await using proxy = proxyTo(upstream.origin, { observer: recorder });
      expect(await read(proxy.port)).toBe("data: {}\n\nb");
      await (await fetch(proxy.url)).text();
      await proxy.stop();
      recorder.flush();
      expect(failures.count).toBeGreaterThan(0);
    },
  );
});
