import { describe, expect, test } from "bun:test";
import { compare } from "../../src/prefix/compare.ts";
import type { Outline } from "../../src/prefix/outline.ts";
import { isColdStart, phraseOf } from "../../src/report/cause.ts";
import { causeOf, isLost } from "../../src/report/explain.ts";
import { type Earlier, sharedTokens } from "../../src/report/explain-shared.ts";
import type { Situation } from "../../src/report/situation.ts";
import { assistant, type Body, outlined, tool, user, words } from "../prefix/requests.ts";

const BASE: Body = {
  model: "qwen",
  system: [{ type: "text", text: words("rule", 400) }],
  tools: [tool("Bash", words("bash", 300)), tool("Read", words("read", 300))],
  messages: [user(words("a", 300)), assistant(words("b", 300)), user(words("c", 300))],
};
const NEXT: Body = { ...BASE, messages: [...BASE.messages!, assistant("ok"), user("go on")] };
const before = outlined(BASE);
/** Tokens of a prompt, as a server would count them: about four bytes each. */
const tokensOf = (outline: Outline) => Math.round(outline.bytes / 4);

function earlier(after: Outline, from: Outline = before, more: Partial<Earlier> = {}): Earlier {
  const tokens = tokensOf(from);
  const own = { messages: from.messages.length, bytes: from.bytes, tokens };
  return {
    comparison: compare(from, after),
    tokens,
    isCounted: true,
    bytes: from.bytes,
    marks: [own],
    ...more,
  };
}

/** A request of which so many tokens were cached, after `BASE`. */
function situation(body: Body, cached: number, more: Partial<Situation> = {}): Situation {
  const after = outlined(body);
  const prompt = tokensOf(after);
  const figures = { prompt, cached, evaluated: prompt - cached, bytes: after.bytes };
  return { ...figures, model: "qwen", previous: earlier(after), server: {}, between: [], ...more };
}

const whole = tokensOf(before);
/** What another conversation shares, which is next to nothing. */
const other = { shared: { low: 0, high: 10, exact: false }, session: "bbbb-1", model: "qwen" };
const edited = [user("edited"), ...NEXT.messages!.slice(1)];
const newSession = (body: Body) => {
  const after = outlined(body);
  return { previous: undefined, nearest: { ...earlier(after), session: "aaaa-1", isSameSession: false } };
};
const fresh: Body = { ...BASE, messages: [user(words("q", 300))] };
const elsewhere: Body = { ...fresh, system: [{ type: "text", text: `x${words("rule", 400)}` }] };
const head = Math.round(outlined({ ...BASE, messages: [] }).bytes / 4);

test.each<[string | undefined, boolean, readonly string[]]>([
  ["ENABLE_TOOL_SEARCH=false sends all tools up front", true, ["WebFetch"]],
  ["tool search only names what comes late", false, ["mcp__a__b", "mcp__a__c"]],
  [undefined, false, ["mcp__a__b", "other"]],
])("the remedy for added tools is %p (tool search: %p, %p)", (expected, hasToolSearch, added) => {
  const tools = [...added.map((name) => tool(name)), ...BASE.tools!];
  const cause = causeOf(situation({ ...NEXT, tools }, 0, { hasToolSearch }));
  expect(cause?.id).toBe("tools_added");
  expect(cause?.text.split("; ")[1]).toBe(expected);
});

describe("a cause", () => {
  test.each<[string | undefined, boolean | undefined, string, Situation]>([
    [undefined, undefined, "a plain next turn", situation(NEXT, whole)],
    [undefined, undefined, "the same request again", situation(BASE, whole - 1)],
    [
      undefined,
      undefined,
      "a long new message",
      situation({ ...NEXT, messages: [...NEXT.messages!, user(words("long", 900))] }, whole),
    ],
    [undefined, undefined, "no more than 256 tokens lost", situation(NEXT, whole - 250)],
    ["first_request", true, "nothing is known", situation(BASE, 0, { previous: undefined })],
    ["new_session", true, "the first request of a session", situation(fresh, head, newSession(fresh))],
    [
      "new_project",
      true,
      "the first request in another folder",
      situation(elsewhere, 0, newSession(elsewhere)),
    ],
    [
      "server_restarted",
      true,
      "a session's first request after a restart",
      situation(fresh, 0, { ...newSession(fresh), server: { restarted: true } }),
    ],
    [
      "slot_taken",
      false,
      "a session's first request after another one",
      situation(fresh, 0, { ...newSession(fresh), between: [other] }),
    ],
    [
      "checkpoint",
      false,
      "a session's first request on a hybrid model",
      situation(fresh, 0, newSession(fresh)),
    ],
    [
      "model_changed",
      true,
      "another model, named in the system prompt too",
      situation({ ...NEXT, model: "llama", system: [{ type: "text", text: `x${words("rule", 400)}` }] }, 0, {
        model: "llama",
        server: { hasOneModel: true },
      }),
    ],
    ["compacted", true, "a summary", situation({ ...BASE, messages: [user(words("sum", 300))] }, head)],
    [
      "system_changed",
      true,
      "the system prompt's start changed",
      situation({ ...NEXT, system: [{ type: "text", text: `x${words("rule", 400)}` }] }, 0),
    ],
    ["tools_added", true, "a tool in front", situation({ ...NEXT, tools: [tool("New"), ...BASE.tools!] }, 0)],
    ["tools_removed", true, "no first tool", situation({ ...NEXT, tools: BASE.tools!.slice(1) }, 0)],
    [
      "tools_changed",
      true,
      "the first tool changed",
      situation({ ...NEXT, tools: [tool("Bash"), BASE.tools![1]!] }, 0),
    ],
    [
      "tools_reordered",
      true,
      "the tools reordered",
      situation({ ...NEXT, tools: BASE.tools!.toReversed() }, 0),
    ],
    ["message_edited", true, "the first message edited", situation({ ...NEXT, messages: edited }, head)],
    [
      "messages_dropped",
      true,
      "the first messages dropped",
      situation({ ...NEXT, messages: NEXT.messages!.slice(2) }, head),
    ],
    [
      "checkpoint",
      false,
      "an edit where the way back to a checkpoint costs most",
      situation({ ...NEXT, messages: edited }, 0),
    ],
    [
      "parameters_changed",
      false,
      "a parameter of the template changed",
      situation({ ...NEXT, chat_template_kwargs: { a: 1 } }, 0),
    ],
    [
      "parameters_changed",
      false,
      "a parameter that the template renders, after a request that shares nothing",
      situation({ ...NEXT, chat_template_kwargs: { a: 1 } }, 5, {
        between: [other],
        server: { isSame: true, hasOneModel: true, template: "{{ a }}" },
      }),
    ],
    [
      "slot_taken",
      true,
      "a parameter that the template does not render, after a request that shares nothing",
      situation({ ...NEXT, chat_template_kwargs: { a: 1 }, thinking: {} }, 5, {
        between: [other],
        server: { isSame: true, hasOneModel: true, template: "{{ thinking }}" },
      }),
    ],
    [
      "new_session",
      true,
      "a session's first request with another parameter of the template",
      situation({ ...fresh, reasoning_effort: "high" }, 0, {
        ...newSession({ ...fresh, reasoning_effort: "high" }),
        server: { hasOneModel: true, template: "{{ reasoning_effort }}" },
      }),
    ],
    [
      "new_session",
      true,
      "a session's first request on another model",
      situation({ ...fresh, model: "llama" }, 0, {
        ...newSession({ ...fresh, model: "llama" }),
        model: "llama",
      }),
    ],
    [
      "model_changed",
      false,
      "another model's name",
      situation({ ...NEXT, model: "llama" }, 0, { model: "llama" }),
    ],
    [
      "unknown",
      false,
      "another model's name, of which the server has one only",
      situation({ ...NEXT, model: "llama" }, 0, { model: "llama", server: { hasOneModel: true } }),
    ],
    ["server_restarted", true, "a restart", situation(NEXT, 0, { server: { restarted: true } })],
    ["server_slept", true, "a nap", situation(NEXT, 0, { server: { slept: true } })],
    [
      "model_loaded",
      true,
      "another model, which also means another process",
      situation(NEXT, 0, { server: { restarted: true, modelLoaded: true } }),
    ],
    ["another_replica", true, "another server", situation(NEXT, 0, { server: { replica: true } })],
    [
      "server_restarted",
      true,
      "a restart and an edit at the same time",
      situation({ ...NEXT, messages: edited }, 0, { server: { restarted: true } }),
    ],
    [
      "slot_taken",
      true,
      "another session on the same server",
      situation(NEXT, 5, { between: [other], server: { isSame: true, hasOneModel: true } }),
    ],
    [
      "slot_taken",
      false,
      "another session, and nobody knows whether the server is the same",
      situation(NEXT, 5, { between: [other] }),
    ],
    [
      "slot_taken",
      false,
      "a client that does not use this proxy",
      situation(NEXT, 5, { server: { foreignTokens: 5_000 } }),
    ],
    [
      "model_loaded",
      false,
      "another model served in between by a router",
      situation(NEXT, 0, { between: [{ ...other, model: "llama" }] }),
    ],
    [
      "model_loaded",
      true,
      "another model served in between by a router that ended this one's server",
      situation(NEXT, 0, {
        between: [{ ...other, model: "llama" }, other],
        server: { hasOneModel: false, restarted: true, isSame: false },
      }),
    ],
    [
      "server_restarted",
      true,
      "a restart of a model's server after a router",
      situation(NEXT, 0, { between: [other], server: { hasOneModel: false, restarted: true } }),
    ],
    [
      "slot_taken",
      true,
      "another session and another model, after a router that keeps both",
      situation(NEXT, 5, {
        between: [other, { ...other, model: "llama" }],
        server: { hasOneModel: false, isSame: true },
      }),
    ],
    [
      "model_changed",
      false,
      "another model after a router, whose server restarted at some time before",
      situation({ ...NEXT, model: "llama" }, 0, {
        model: "llama",
        server: { hasOneModel: false, restarted: true },
      }),
    ],
    ["unknown", false, "lost, and nobody knows why", situation(NEXT, 0)],
    ["images", false, "lost, with images in the prompt", situation(NEXT, 0, { hasImages: true })],
  ])("is %s (proven: %p): %s", (id, certain, _, given) => {
    const cause = causeOf(given);
    expect(cause?.id).toBe(id as never);
    expect(cause?.certain).toBe(certain as never);
  });

  test("is thinking_dropped where the cache ends at the user's words before the last ones", () => {
    const loop: Body = {
      ...BASE,
      messages: [
        ...BASE.messages!,
        assistant(words("t", 300)),
        user([{ type: "tool_result", tool_use_id: "1", content: words("r", 300) }]),
      ],
    };
    const from = outlined(loop);
    const after = outlined({ ...loop, messages: [...loop.messages!, assistant("ok"), user("go on")] });
    const marks = [
      { messages: 3, bytes: before.bytes, tokens: whole },
      { messages: 5, bytes: from.bytes, tokens: tokensOf(from) },
    ];
    const previous = earlier(after, from, { marks });
    const figures = {
      model: "qwen",
      prompt: tokensOf(after),
      bytes: after.bytes,
      previous,
      loopStart: 3,
      server: {},
      between: [],
    };
    const atStart = causeOf({ ...figures, cached: whole, evaluated: tokensOf(after) - whole });
    expect(atStart).toMatchObject({ id: "thinking_dropped", certain: true, tokens: tokensOf(from) - whole });
    // A hybrid model goes back further.
    const further = causeOf({ ...figures, cached: 0, evaluated: tokensOf(after) });
    expect(further).toMatchObject({ id: "thinking_dropped", certain: false });
    const taken = causeOf({ ...figures, cached: 0, evaluated: tokensOf(after), between: [other] });
    expect(taken?.id).toBe("slot_taken");
  });

  test("has exact tokens where the server has counted both prompts, and seconds at the measured speed", () => {
    const cause = causeOf(situation(NEXT, 100, { server: { restarted: true }, speed: 1000 }));
    expect(cause).toMatchObject({ tokens: whole - 100, seconds: Math.round((whole - 100) / 100) / 10 });
    expect(cause).not.toHaveProperty("estimate");
    const estimated = causeOf(situation({ ...NEXT, messages: edited }, head));
    expect(estimated).toMatchObject({ estimate: true, anthropic: "messages_changed" });
    expect(estimated).not.toHaveProperty("seconds");
  });

  test("names parameters, and nothing that a terminal would obey", () => {
    const cause = causeOf(situation({ ...NEXT, chat_template_kwargs: { "a\u001b[31m": 1 } }, 0))!;
    expect(phraseOf(cause)).toBe("a?[31m changed");
  });

  test("names tools, and nothing that a terminal would obey", () => {
    const tools = [tool("Web\u001b[31mFetch"), tool("A"), tool("B"), tool("C"), tool("D"), ...BASE.tools!];
    const cause = causeOf(situation({ ...NEXT, tools }, 0, { hasToolSearch: true }))!;
    expect(phraseOf(cause)).toBe("tools +5: Web?[31mFetch, A, B, C, …");
    expect(cause.text).toContain("; ENABLE_TOOL_SEARCH=false");
  });
});

test("only requests that begin a history are cold starts", () => {
  const ids = ["first_request", "new_session", "new_project", "compacted", "unknown"] as const;
  expect(ids.filter((id) => isColdStart({ id }))).toEqual([
    "first_request",
    "new_session",
    "new_project",
    "compacted",
  ]);
});

test("the server is asked only where it has less than both prompts share", () => {
  expect(isLost(situation(NEXT, whole))).toBe(false);
  expect(isLost(situation(NEXT, 0))).toBe(true);
  expect(isLost(situation({ ...NEXT, messages: edited }, head))).toBe(false);
  expect(isLost(situation(BASE, 0, { previous: undefined }))).toBe(false);
});

test("what is shared up to a message is counted, not estimated, where a request ended there", () => {
  const longer = outlined(NEXT);
  const marks = [
    { messages: 3, bytes: before.bytes, tokens: 5_000 },
    { messages: 5, bytes: longer.bytes, tokens: 5_100 },
  ];
  const rewound = outlined({ ...BASE, messages: [...BASE.messages!, assistant("other")] });
  const { low, high } = sharedTokens(earlier(rewound, longer, { marks, tokens: 5_100 }));
  expect(low).toBeGreaterThan(4_900);
  expect(high).toBeLessThan(5_150);
});
