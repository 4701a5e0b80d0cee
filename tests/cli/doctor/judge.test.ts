import { describe, expect, test } from "bun:test";
import { type Step, type StepId, steps } from "../../../src/cli/doctor/self-test/conversation.ts";
import { judge } from "../../../src/cli/doctor/self-test/judge.ts";
import type { Measured } from "../../../src/cli/doctor/self-test/measure.ts";
import { formatTable } from "../../../src/cli/doctor/self-test/table.ts";

/** Evaluated tokens of each step on a dense model with Qwen3-Coder's template, of prompts of 4 254 tokens and more. */
const DENSE: Record<StepId, number> = {
  cold: 4_240,
  again: 1,
  header: 1,
  "tool-loop": 275,
  "system-turn": 429,
  message: 21,
  "long-loop": 700,
  session: 12,
  day: 2_420,
  control: 4_230,
  back: 1,
  tools: 3_209,
};

function lane(change: Partial<Record<StepId, number>> = {}): Measured[] {
  return Object.entries({ ...DENSE, ...change }).map(([id, evaluated_tokens]) => ({
    ...{ id: id as StepId, title: id, seconds: 0.1, prompt_tokens: 4_500, evaluated_tokens },
    cached_tokens: 4_500 - evaluated_tokens,
  }));
}

const statuses = (repaired: Measured[], direct: Measured[] = lane()) =>
  judge({ direct, repaired })
    .filter(({ status }) => status !== "ok")
    .map(({ id, status }) => `${status} ${id}`);

describe("the figures of the self-test", () => {
  test("of a dense model are fine", () => {
    expect(statuses(lane())).toEqual([]);
  });

  test("of a hybrid model with checkpoints close to each other are fine", () => {
    expect(statuses(lane({ again: 4, session: 515, day: 2_434, back: 4 }))).toEqual([]);
  });

  test.each<[string, Partial<Record<StepId, number>>, string]>([
    ["a new session goes back too far", { session: 2_200 }, "problem cache.checkpoints"],
    ["no checkpoint before the first turn", { session: 515, day: 4_360 }, "problem cache.checkpoints"],
    [
      "no checkpoints at all",
      { again: 4_247, session: 4_245, day: 4_360, back: 4_245 },
      "problem cache.checkpoints",
    ],
    ["a displaced conversation is gone", { back: 4_103 }, "problem cache.ram"],
    [
      "nothing is reused",
      { again: 4_247, "tool-loop": 4_400, session: 4_245, back: 4_245 },
      "problem cache.reuse",
    ],
    ["the control hits", { control: 100 }, "note self-test.control"],
  ])("%s", (_, change, want) => {
    expect(statuses(lane(change))).toEqual([want]);
  });

  test("are missing where the server reports no cached tokens", () => {
    const cold: Measured = { id: "cold", title: "cold", seconds: 1, prompt_tokens: 4_000 };
    expect(statuses([cold], [])).toEqual(["problem server.cached-tokens"]);
  });

  test("are missing where the server refuses the first request", () => {
    const cold: Measured = { id: "cold", title: "cold", seconds: 1, failure: "HTTP 500" };
    expect(statuses([cold], [])).toEqual(["problem self-test.answers"]);
  });

  test("are not judged when it ended early", () => {
    const findings = judge({ direct: [], repaired: lane(), aborted: "interrupted" });
    expect(findings.map(({ id, status }) => [id, status])).toEqual([["self-test.complete", "note"]]);
  });

  test("end in one sentence that compares both ways", () => {
    const sentence = judge({ direct: lane({ session: 4_235 }), repaired: lane() }).at(-1)?.seen;
    expect(sentence).toContain("a new session evaluates 12 tokens instead of 4 235");
    const refused: Measured = { id: "cold", title: "cold", seconds: 1, failure: "HTTP 500" };
    const other = judge({ direct: [refused], repaired: lane() }).at(-1)?.seen;
    expect(other).toEndWith("without it the server answers HTTP 500");
  });
});

test("the table has one row for each step and fits into 80 columns", () => {
  const lines = formatTable({ direct: lane(), repaired: lane() }).split("\n");
  expect(lines).toHaveLength(2 + Object.keys(DENSE).length);
  for (const line of lines) expect(line.length).toBeLessThan(80);
});

describe("the conversation", () => {
  const all = steps("model", "nonce");
  const by = (id: StepId) => all.find((step) => step.id === id) as Step;

  test("has Claude Code's shape", () => {
    for (const body of all.flatMap(({ bodies }) => bodies)) {
      expect(body.system[0]?.text).toStartWith("x-anthropic-billing-header: cc_version=");
      expect(body.messages[1]?.role).toBe("system");
      expect(body).toMatchObject({ stream: true, max_tokens: 1 });
    }
  });

  test("goes on from step to step, and only the header changes where only the header should", () => {
    const order: StepId[] = ["cold", "tool-loop", "system-turn", "message", "long-loop"];
    for (const [index, id] of order.slice(1).entries()) {
      const before = by(order[index]!).bodies.at(-1)!.messages;
      expect(by(id).bodies[0]!.messages.slice(0, before.length)).toEqual([...before]);
    }
    const { system, ...rest } = by("header").bodies[0]!;
    const { system: first, ...restOfFirst } = by("cold").bodies[0]!;
    expect(rest).toEqual(restOfFirst);
    expect(system.slice(1)).toEqual(first.slice(1));
    expect(system[0]).not.toEqual(first[0]);
  });

  test("shares no start with one of another nonce, in tools and system prompt", () => {
    const other = steps("model", "other")[0]!.bodies[0]!;
    expect(JSON.stringify(other.tools).slice(0, 60)).not.toBe(
      JSON.stringify(by("cold").bodies[0]!.tools).slice(0, 60),
    );
    expect(other.system[1]!.text.slice(0, 50)).not.toBe(by("cold").bodies[0]!.system[1]!.text.slice(0, 50));
  });
});
