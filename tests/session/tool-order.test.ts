import { describe, expect, test } from "bun:test";
import { namesIn, remember, type ToolOrder } from "../../src/session/tool-order.ts";

const NONE: ToolOrder = [];

describe("remember", () => {
  test.each([
    ["a new conversation", [], ["b", "a"], ["b", "a"]],
    ["new tools last", ["a", "c"], ["a", "b", "c", "d"], ["a", "c", "b", "d"]],
    ["one that is not offered", ["a", "b", "c"], ["a", "c"], ["a", "b", "c"]],
    ["a request without tools", ["a"], [], ["a"]],
    ["a name twice", [], ["a", "a"], ["a"]],
  ])("%s", (_, before, offered, want) => {
    expect(namesIn(remember(remember(NONE, before), offered))).toEqual(want);
  });

  test("a tool that 50 requests in a row have not offered is forgotten and comes back last", () => {
    let order = remember(NONE, ["a", "b"]);
    for (let request = 1; request < 50; request++) order = remember(order, ["b"]);
    expect(namesIn(order)).toEqual(["a", "b"]);
    expect(namesIn(remember(order, ["a", "b"]))).toEqual(["a", "b"]);
    order = remember(order, ["b"]);
    expect(namesIn(order)).toEqual(["b"]);
    expect(namesIn(remember(order, ["a", "b"]))).toEqual(["b", "a"]);
  });

  test("requests without tools do not count", () => {
    let order = remember(NONE, ["a", "b"]);
    for (let request = 0; request < 100; request++) order = remember(order, []);
    expect(namesIn(remember(order, ["b"]))).toEqual(["a", "b"]);
  });

  test("new names in every request take no more than 128 Ki characters", () => {
    let order = NONE;
    for (let request = 0; request < 60; request++) {
      order = remember(
        order,
        Array.from({ length: 1_000 }, (_, tool) => `tool_${request}_${tool}`),
      );
      const characters = namesIn(order).reduce((sum, name) => sum + name.length, 0);
      expect(characters).toBeLessThanOrEqual(128 * 1024);
      expect(namesIn(order)).toContain(`tool_${request}_999`);
    }
  });

  test("names of one request that are longer are not remembered", () => {
    expect(remember(remember(NONE, ["a"]), ["a", "b".repeat(200_000)])).toEqual([]);
  });
});
