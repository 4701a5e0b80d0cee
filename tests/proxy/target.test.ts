import { describe, expect, test } from "bun:test";
import { targetOf } from "../../src/proxy/target.ts";

const TARGETS: [name: string, url: string, want: { path: string; query: string } | undefined][] = [
  ["a path", "http://a/v1/messages", { path: "/v1/messages", query: "" }],
  ["a query", "http://a/v1/messages?beta=true", { path: "/v1/messages", query: "?beta=true" }],
  ["an empty query", "http://a/x?", { path: "/x", query: "?" }],
  ["a second question mark", "http://a/x??", { path: "/x", query: "??" }],
  ["two slashes", "http://a//evil.example/x", { path: "//evil.example/x", query: "" }],
  ["escapes", "http://a/%2F%2f%20+?a=%26", { path: "/%2F%2f%20+", query: "?a=%26" }],
  ["a scheme in the path", "http://a/http://b/x", { path: "/http://b/x", query: "" }],
  ["a slash in the query", "http://a/?u=http://b/", { path: "/", query: "?u=http://b/" }],
  ["a fragment", "http://a/x?y#z?", { path: "/x", query: "?y" }],
  ["an IPv6 host with port", "http://[::1]:80/x", { path: "/x", query: "" }],
  ["no host at all", "/x?y", { path: "/x", query: "?y" }],
  ["no host, and a scheme in the query", "/x?u=http://b/", { path: "/x", query: "?u=http://b/" }],
  ["the target of CONNECT", "a:80", undefined],
  ["an asterisk", "*", undefined],
];

describe("targetOf", () => {
  test.each(TARGETS)("%s", (_name, url, want) => {
    expect(targetOf(url)).toEqual(want);
  });
});
