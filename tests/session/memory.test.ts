import { describe, expect, test } from "bun:test";
import { SessionMemory } from "../../src/session/memory.ts";

const ordersIn = (memory: SessionMemory, keys: readonly string[]) =>
  keys.map((key) => memory.get(key).toolOrder?.map(({ name }) => name));
const tools = (...names: string[]) => names.map((name) => ({ name, unseen: 0 }));

describe("conversations", () => {
  test("a new conversation has nothing remembered", () => {
    expect(new SessionMemory().get("new")).toEqual({});
  });

  test("an update replaces what it names and keeps the rest", () => {
    const memory = new SessionMemory();
    memory.update("one", { toolOrder: tools("a") });
    memory.update("one", {});
    expect(memory.get("one")).toEqual({ toolOrder: tools("a") });
    memory.update("one", { toolOrder: tools("a", "b") });
    expect(memory.get("one")).toEqual({ toolOrder: tools("a", "b") });
  });
});

describe("beyond a bound the least recently updated conversation is forgotten", () => {
  test("entries", () => {
    const memory = new SessionMemory({ entries: 2 });
    memory.update("one", { toolOrder: tools("a") });
    memory.update("two", { toolOrder: tools("b") });
    memory.update("one", { toolOrder: tools("a", "c") });
    memory.update("three", { toolOrder: tools("d") });
    expect(ordersIn(memory, ["one", "two", "three"])).toEqual([["a", "c"], undefined, ["d"]]);
  });

  test("a thousand entries by default", () => {
    const memory = new SessionMemory();
    for (let key = 0; key <= 1_000; key++) memory.update(String(key), { toolOrder: tools("a") });
    expect(ordersIn(memory, ["0", "1", "1000"])).toEqual([undefined, ["a"], ["a"]]);
  });

  test("bytes, of names and keys", () => {
    const long = "x".repeat(1_000);
    const memory = new SessionMemory({ bytes: 10_000 });
    for (const key of ["one", "two", "three", "four", "five"]) memory.update(key, { toolOrder: tools(long) });
    expect(ordersIn(memory, ["one", "two", "five"])).toEqual([undefined, [long], [long]]);
    memory.update(long.repeat(3), { toolOrder: [] });
    expect(ordersIn(memory, ["two", "three", "four", "five"])).toEqual([
      undefined,
      undefined,
      undefined,
      [long],
    ]);
  });

  test("a conversation that shrinks makes room again", () => {
    const memory = new SessionMemory({ bytes: 10_000 });
    memory.update("one", { toolOrder: tools("a") });
    for (let times = 0; times < 10; times++) {
      memory.update("two", { toolOrder: tools("x".repeat(4_000)) });
      memory.update("two", { toolOrder: tools("x") });
    }
    expect(ordersIn(memory, ["one", "two"])).toEqual([["a"], ["x"]]);
  });

  test("one that is larger than the bound by itself is not kept", () => {
    const memory = new SessionMemory({ bytes: 10_000 });
    memory.update("one", { toolOrder: tools("a") });
    memory.update("two", { toolOrder: tools("x".repeat(10_000)) });
    expect(ordersIn(memory, ["one", "two"])).toEqual([undefined, undefined]);
  });
});
