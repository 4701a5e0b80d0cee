import { expect, test } from "bun:test";
import { differenceOf } from "../../src/prefix/difference.ts";
import { assistant, type Body, tool, user, words } from "./requests.ts";

const bytes = (body: Body) => Buffer.from(JSON.stringify(body));
const BASE: Body = { system: words("rule", 30), tools: [tool("Bash")], messages: [user(words("a", 30))] };

test("shows 40 characters on each side of the first difference", () => {
  const changed = { ...BASE, system: words("rule", 30).replace("rule20", "date20") };
  const found = differenceOf(bytes(BASE), bytes(changed));
  const at = words("rule", 30).indexOf("rule20");
  expect(found?.before).toBe(words("rule", 30).slice(at - 40, at + 40));
  expect(found?.after).toBe(changed.system.slice(at - 40, at + 40));
});

test("finds a tool before anything else", () => {
  const changed = { ...BASE, system: "other", tools: [tool("Bash"), tool("WebFetch")] };
  expect(differenceOf(bytes(BASE), bytes(changed))?.after).toContain("WebFetch");
});

test.each<[string, Body]>([
  ["the next turn", { ...BASE, messages: [...BASE.messages!, assistant("b"), user("c")] }],
  [
    "texts wrapped in another way",
    { ...BASE, messages: [user([{ type: "text", text: words("a", 30), cache_control: {} }])] },
  ],
])("has nothing to show for %s", (_, body) => {
  expect(differenceOf(bytes(BASE), bytes(body))).toBeUndefined();
});

test("has nothing to show for what is not JSON", () => {
  expect(differenceOf(Buffer.from("{"), bytes(BASE))).toBeUndefined();
});
