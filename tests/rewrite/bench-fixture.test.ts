import { describe, expect, test } from "bun:test";
import { claudeCodeBody } from "../../scripts/bench/fixtures.ts";
import { FOLD, HEADER_ONLY, rewriteChecked, withConstantHeader } from "./checked.ts";

const HEADER = "x-anthropic-billing-header: cc_version=2.1.330.803; cc_entrypoint=cli;";
const body = claudeCodeBody({ seed: 1, bytes: 2e6, header: HEADER });
const value = JSON.parse(body.toString());

interface Block {
  readonly type: string;
  readonly name?: string;
  readonly id?: string;
  readonly tool_use_id?: string;
  readonly content?: unknown;
}
const messages: { role: string; content: string | Block[] }[] = value.messages;
const blocks = messages.flatMap(({ content }) => (typeof content === "string" ? [] : content));

describe("the body of the benchmark", () => {
  test("is about two megabytes, and depends on the seed only", () => {
    expect(Math.round(body.length / 1e6)).toBe(2);
    expect(claudeCodeBody({ seed: 1, bytes: 2e6, header: HEADER }).equals(body)).toBe(true);
    expect(claudeCodeBody({ seed: 2, bytes: 2e6, header: HEADER }).equals(body)).toBe(false);
  });

  test("has the keys of Claude Code 2.1.330, with system after messages", () => {
    expect(Object.keys(value)).toEqual([
      ...["model", "messages", "system", "tools", "metadata", "max_tokens", "thinking", "context_management"],
      ...["output_config", "stream"],
    ]);
    expect(value.system[0]).toEqual({ type: "text", text: HEADER });
  });

  test("has the result of every tool call right after it", () => {
    const calls = blocks.filter((block) => block.type === "tool_use").map((block) => block.id);
    const results = blocks.filter((block) => block.type === "tool_result").map((block) => block.tool_use_id);
    expect(calls.length).toBeGreaterThan(200);
    expect(results).toEqual(calls);
    expect(messages.at(-1)?.role).not.toBe("assistant");
  });

  test("is mostly code, with system turns and late reminders", () => {
    const share = (name: string): number => {
      const ids = new Set(blocks.filter((block) => block.name === name).map((block) => block.id));
      const results = blocks.filter((block) => block.type === "tool_result" && ids.has(block.tool_use_id));
      return JSON.stringify(results).length / body.length;
    };
    expect(share("Read")).toBeGreaterThan(0.25);
    expect(share("Bash")).toBeGreaterThan(0.05);
    expect(share("Grep") + share("Edit") + share("mcp__docs__search")).toBeGreaterThan(0.1);
    expect(messages.filter(({ role }) => role === "system").length).toBeGreaterThan(20);
    expect(blocks.filter((block) => block.type === "text").length).toBeGreaterThan(100);
  });

  test("has the escapes of code: one per 15 to 80 bytes, some of them double", () => {
    const text = body.toString("latin1");
    const escapes = text.split("\\").length - 1;
    expect(body.length / escapes).toBeGreaterThan(15);
    expect(body.length / escapes).toBeLessThan(80);
    expect(text).toContain('\\\\\\"');
    expect(text).toContain("     1\u00e2\u0086\u0092import");
  });

  test("is rewritten correctly in every measured variant", () => {
    const after = (context: typeof FOLD) =>
      JSON.parse(Buffer.from(rewriteChecked(body, context).body).toString());
    expect(after(HEADER_ONLY)).toEqual(withConstantHeader(value, HEADER_ONLY));
    const folded = rewriteChecked(body, { ...FOLD, toolOrder: ["Bash", "Read", "Task"] });
    expect(folded.notes.map((note) => note.replace(/: .*/, ""))).toEqual([
      "billing header made constant",
      "system turns folded",
      "client texts moved into their tool result",
      "tools moved",
    ]);
    const without = claudeCodeBody({ seed: 1, bytes: 2e6 });
    expect(rewriteChecked(without, HEADER_ONLY).body).toBe(without);
  });
});
