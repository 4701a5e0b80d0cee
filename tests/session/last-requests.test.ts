import { describe, expect, test } from "bun:test";
import { type LastRequest, LastRequests } from "../../src/session/last-requests.ts";

const request = (session: string, bytes = 10, turn?: string): LastRequest => ({
  ...{ session, target: "/v1/messages", prefix: "", model: "m", body: Buffer.alloc(bytes) },
  ...(turn !== undefined && { turn }),
});
const sessions = (requests: LastRequests) => requests.list().map(({ session }) => session);

describe("the last requests", () => {
  test("are one for each conversation, the most recent first", () => {
    const requests = new LastRequests();
    for (const session of ["a", "b", "a", "c"]) requests.set(request(session));
    expect(sessions(requests)).toEqual(["c", "a", "b"]);
    requests.forget("a");
    expect(sessions(requests)).toEqual(["c", "b"]);
  });

  test("are eight at most", () => {
    const requests = new LastRequests();
    for (let index = 0; index < 10; index++) requests.set(request(`s${index}`));
    expect(sessions(requests)).toEqual(["s9", "s8", "s7", "s6", "s5", "s4", "s3", "s2"]);
  });

  test("take a bounded number of bytes, answers included", () => {
    const requests = new LastRequests({ bytes: 100 });
    requests.set(request("a", 50));
    requests.set(request("b", 30));
    expect(requests.bytes).toBe(80);
    requests.set(request("c", 30, "x".repeat(10)));
    expect(sessions(requests)).toEqual(["c", "b"]);
    expect(requests.bytes).toBe(80);
    requests.set(request("d", 101));
    expect(sessions(requests)).toEqual([]);
    expect(requests.hasRoomFor(100)).toBe(true);
    expect(requests.hasRoomFor(101)).toBe(false);
  });
});
