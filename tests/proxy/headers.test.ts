import { describe, expect, test } from "bun:test";
import { requestHeaders, responseHeaders } from "../../src/proxy/headers.ts";

const HOP_BY_HOP: [string, string][] = [
  ["Connection", "keep-alive"],
  ["Proxy-Connection", "keep-alive"],
  ["Keep-Alive", "timeout=5"],
  ["Proxy-Authenticate", "Basic"],
  ["Proxy-Authorization", "Basic eDp5"],
  ["TE", "trailers"],
  ["Trailer", "x-checksum"],
  ["Transfer-Encoding", "chunked"],
  ["Upgrade", "h2c"],
];

describe("hop-by-hop headers (RFC 9110 section 7.6.1)", () => {
  test.each(HOP_BY_HOP)("%s goes neither to the upstream nor to the client", (name, value) => {
    const original = new Headers([
      [name, value],
      ["x-kept", "1"],
    ]);
    expect(Object.fromEntries(requestHeaders(original))).toEqual({ "user-agent": "", "x-kept": "1" });
    expect(Object.fromEntries(responseHeaders(original))).toEqual({ "x-kept": "1" });
  });

  test("headers named in Connection end here, in any case and with any white space", () => {
    const original = new Headers({
      connection: "close, X-One ,\tx-two",
      "x-one": "1",
      "x-two": "2",
      "x-three": "3",
    });
    expect(Object.fromEntries(responseHeaders(original))).toEqual({ "x-three": "3" });
  });

  test.each(["", ",", "a b", "(x)", ",,close,", "\u00e9"])(
    "a Connection of %j breaks nothing",
    (connection) => {
      expect(Object.fromEntries(responseHeaders(new Headers({ connection, "x-kept": "1" })))).toEqual({
        "x-kept": "1",
      });
    },
  );

  test("the original headers stay as they are", () => {
    const original = new Headers({ connection: "x-one", "x-one": "1", host: "a" });
    requestHeaders(original);
    expect(Object.fromEntries(original)).toEqual({ connection: "x-one", "x-one": "1", host: "a" });
  });
});

describe("requests", () => {
  test("host, content-length and expect are not the client's any more", () => {
    const original = new Headers({ host: "a", "content-length": "3", expect: "100-continue", accept: "*/*" });
    expect(Object.fromEntries(requestHeaders(original))).toEqual({ accept: "*/*", "user-agent": "" });
  });

  test("a user-agent is kept, and none is invented", () => {
    expect(requestHeaders(new Headers({ "user-agent": "claude-cli/2" })).get("user-agent")).toBe(
      "claude-cli/2",
    );
    expect(requestHeaders(new Headers()).get("user-agent")).toBe("");
  });
});

describe("answers", () => {
  test("every cookie stays a header of its own", () => {
    const original = new Headers([
      ["set-cookie", "a=1; Path=/"],
      ["set-cookie", "b=2, c"],
    ]);
    expect(responseHeaders(original).getSetCookie()).toEqual(["a=1; Path=/", "b=2, c"]);
  });

  test("content-encoding and content-length are kept", () => {
    const original = new Headers({ "content-encoding": "gzip", "content-length": "7" });
    expect(Object.fromEntries(responseHeaders(original))).toEqual({
      "content-encoding": "gzip",
      "content-length": "7",
    });
  });
});
