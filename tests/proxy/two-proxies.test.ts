/**
 * Layout (b) of docs/scale.md: a balancer in front of pairs of a proxy and a llama-server. When a conversation moves to another pair, the
 * proxy there forwards what the first one, which has seen the whole conversation, would have forwarded.
 */
import { describe, expect, test } from "bun:test";
import { createRepairs } from "../../src/proxy/repairs.ts";
import type { RewriteSettings } from "../../src/rewrite/pass.ts";
import { SessionMemory } from "../../src/session/memory.ts";
import { remember } from "../../src/session/tool-order.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { FOLD, rewriteAt } from "../rewrite/checked.ts";
import { conversation, type Message } from "../support/conversation.ts";
import { type DisposableProxy, proxyTo } from "../support/proxy.ts";
import { property } from "../support/seeded.ts";
import { answerText, type ScriptedUpstream, startUpstream } from "../support/upstream.ts";

const SETTINGS: RewriteSettings = { systemTurns: "fold", tools: "stable", projectParagraphs: "move" };
const PROPS = {
  "any template": { total_slots: 1, chat_template: "{{ messages }}", modalities: { vision: false } },
  "a template that demands alternation": {
    total_slots: 1,
    chat_template: "{{ raise_exception('roles must alternate') }}",
    modalities: { vision: true },
  },
};

/** What Claude Code offers from the start. */
const BASE = ["Agent", "Bash", "Edit", "Read", "ToolSearch", "Write"];

describe.each(Object.entries(PROPS))("%s", (_, props) => {
  test("each request of a conversation is the same after a proxy that saw all earlier ones and after a new one", async () => {
    await using upstream = await llamaServer(props);
    await using first = pair(upstream);
    const orders: string[][] = [];
    for (const body of CONVERSATION) {
      const seen = await forwarded(body, first, upstream);
      await using other = pair(upstream);
      expect(await forwarded(body, other, upstream)).toBe(seen);
      expect(seen).not.toBe(body);
      orders.push(toolsIn(seen));
    }
    const [loaded, last] = [orders[2], orders.at(-1)];
    expect(loaded).toEqual([...BASE, "WebFetch", "NotebookEdit"]);
    expect(last).toEqual([...BASE, "WebFetch", "NotebookEdit", "Monitor"]);
  });
});

test("a tool that no tool_reference names is where the client has it after a move, and stays there", async () => {
  await using upstream = await llamaServer(PROPS["any template"]);
  await using first = pair(upstream);
  await using second = pair(upstream);
  const [before, after] = [BASE, [...BASE, "Late"].toSorted()].map((names) =>
    bodyOf(names, [{ role: "user", content: "Hello" }]),
  );
  await forwarded(before!, first, upstream);
  expect(toolsIn(await forwarded(after!, first, upstream))).toEqual([...BASE, "Late"]);
  const moved = toolsIn(await forwarded(after!, second, upstream));
  expect(moved).toEqual([...BASE, "Late"].toSorted());
  expect(toolsIn(await forwarded(after!, second, upstream))).toEqual(moved);
});

property("no request depends on what a proxy remembers of the conversation", 300, (random) => {
  const chat = conversation(random);
  let known: ReturnType<typeof remember> = [];
  for (let turn = random.below(6); turn >= 0; turn--) {
    const messages = chat.request();
    const body = Buffer.from(bodyOf([...BASE, ...referencesIn(messages)].toSorted(), messages));
    const context = { ...FOLD, isClaudeCode: true, strictAlternation: random.chance(0.5) };
    const remembered = rewriteAt(body, { ...context, toolOrder: known.map(({ name }) => name) });
    const fresh = rewriteAt(body, { ...context, toolOrder: [] });
    expect(Buffer.from(fresh.body).toString()).toBe(Buffer.from(remembered.body).toString());
    known = remember(known, remembered.toolOrder ?? []);
    chat.grow();
  }
});

// --- internal ---

const text = (words: string) => ({ type: "text", text: words });
const cached = (words: string) => ({ ...text(words), cache_control: { type: "ephemeral" } });
const call = (id: string, name: string) => ({
  role: "assistant",
  content: [{ type: "tool_use", id, name, input: {} }],
});
const result = (id: string, content: unknown) => ({ type: "tool_result", tool_use_id: id, content });
const references = (...names: string[]) => names.map((name) => ({ type: "tool_reference", tool_name: name }));

const OPENING = [
  {
    role: "user",
    content: [text("<system-reminder>\nIn /w/demo: be brief.\n</system-reminder>"), text("Go")],
  },
  { role: "system", content: "# Environment\n - Primary working directory: /w/demo\n\nToday is Monday." },
];
const SEARCH = [
  call("t1", "ToolSearch"),
  { role: "user", content: [result("t1", references("WebFetch", "NotebookEdit")), text("Tool loaded.")] },
];
const WORK = [
  call("t2", "Bash"),
  {
    role: "user",
    content: [result("t2", "R"), result("t3", [{ type: "image", source: { data: "iVBOR" } }])],
  },
  { role: "system", content: "Two more skills." },
];
const MORE = [
  { role: "assistant", content: "Done." },
  { role: "user", content: "More" },
  call("t4", "ToolSearch"),
  { role: "user", content: [result("t4", references("Bash", "Monitor", "WebFetch"))] },
];

/** The turn that is last is a list of blocks, and a plain text from then on. */
const CONVERSATION = [
  bodyOf(BASE, [OPENING[0]!, { role: "system", content: [cached(OPENING[1]!.content as string)] }]),
  bodyOf(BASE, [...OPENING, SEARCH[0]!, { role: "user", content: "Stop" }]),
  bodyOf([...BASE, "NotebookEdit", "WebFetch"].toSorted(), [...OPENING, ...SEARCH]),
  bodyOf([...BASE, "NotebookEdit", "WebFetch"].toSorted(), [...OPENING, ...SEARCH, ...WORK]),
  bodyOf([...BASE, "Monitor", "NotebookEdit", "WebFetch"].toSorted(), [
    ...OPENING,
    ...SEARCH,
    ...WORK,
    ...MORE,
  ]),
];

/** As Claude Code writes it: its header changes with every request. */
function bodyOf(tools: readonly string[], messages: readonly object[]): string {
  const hash = Bun.hash(JSON.stringify(messages)).toString(16).slice(0, 5);
  return JSON.stringify({
    model: "m",
    messages,
    system: [
      text(`x-anthropic-billing-header: cc_version=2.1.119.a1e; cc_entrypoint=cli; cch=${hash};`),
      text(
        "You are Claude Code.\n\n# Memory\n\nNotes are in `/home/u/.claude/projects/-w-demo/memory/`.\n\nBye.",
      ),
    ],
    tools: tools.map((name) => ({
      ...{ name, description: `The tool ${name}`, input_schema: {} },
      ...(!BASE.includes(name) && name !== "Late" && { defer_loading: true }),
    })),
    stream: true,
  });
}

function toolsIn(body: string): string[] {
  return (JSON.parse(body) as { tools: { name: string }[] }).tools.map(({ name }) => name);
}

function referencesIn(messages: readonly Message[]): string[] {
  const found = JSON.stringify(messages).matchAll(/"tool_reference","tool_name":"([^"]+)"/g);
  return [...found].map(([, name]) => name!);
}

async function llamaServer(props: object): Promise<ScriptedUpstream> {
  return await startUpstream(({ arrived, write }) =>
    write(answerText(arrived.target === "/props" ? JSON.stringify(props) : "{}")),
  );
}

/** A proxy that has seen nothing yet. */
function pair({ origin }: ScriptedUpstream): DisposableProxy {
  const upstream = new Upstream({ origin, basePath: "" }, { waitMs: 10_000, timeoutMs: 10_000 });
  return proxyTo(origin, { upstream, repair: createRepairs(SETTINGS, upstream, new SessionMemory()) });
}

/** The body as it arrives at the llama-server. */
async function forwarded(
  body: string,
  { url }: DisposableProxy,
  { requests }: ScriptedUpstream,
): Promise<string> {
  const before = requests.length;
  const headers = { "user-agent": "claude-cli/2.1.332 (external, cli)", "x-claude-code-session-id": "s" };
  await (await fetch(`${url}/v1/messages?beta=true`, { method: "POST", headers, body })).text();
  const arrived = requests.slice(before).filter(({ target }) => target === "/v1/messages?beta=true");
  expect(arrived.length).toBe(1);
  return arrived[0]!.body.toString();
}
