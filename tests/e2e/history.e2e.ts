/** Folding real requests: what the model has already seen never changes, and no text is lost. */
import { expect, test } from "bun:test";
import { claudeCode, newestVersion } from "./setup/claude-code.ts";
import { startProxy } from "./support/proxy.ts";
import { listen, type Recorded, record } from "./support/recording.ts";
import { resend } from "./support/replay.ts";
import type { Conversation, Turn } from "./support/scenario.ts";
import { stepsOf } from "./support/steps.ts";
import { recordStory, STORIES } from "./support/stories.ts";

/** What `/props` says about the chat template. Mistral's rejects two user turns in a row. */
const PROPS = {
  "any template": { total_slots: 1, chat_template: "{{ messages }}" },
  "a template that demands alternation": {
    total_slots: 1,
    chat_template: "{{ raise_exception('roles must alternate user and assistant') }}",
  },
};

for (const version of new Set(["2.1.330", await newestVersion()])) {
  for (const [template, props] of Object.entries(PROPS)) {
    for (const [name, story] of Object.entries(STORIES)) {
      test(`Claude Code ${version}, ${name}, ${template}: each history begins with the previous one`, async () => {
        const sent = await recordStory(story, await claudeCode(version));
        const received = await throughProxy(sent, props);
        const histories = received.map(historyOf);
        for (const [at, step] of stepsOf(sent).entries()) {
          if (step.kind === "first") continue;
          // The last block may still grow: the next request can add a system turn to it.
          const before = histories[step.previous]?.slice(0, -1) ?? [];
          expect(histories[at]?.slice(0, before.length)).toEqual(before);
        }
        for (const [at, request] of sent.entries())
          expect(lostFrom(request, histories[at] ?? [])).toEqual([]);
      }, 180_000);
    }
  }
}

// --- internal ---

/** The requests as the proxy forwards them. */
async function throughProxy(requests: readonly Recorded[], props: object): Promise<Recorded[]> {
  const received: Recorded[] = [];
  await using upstream = listen(async (request) => {
    const recorded = await record(request);
    if (recorded.target === "/props") return Response.json(props);
    received.push(recorded);
    return new Response();
  });
  await using proxy = await startProxy(upstream.origin);
  for (const request of requests) await resend(request, proxy.origin);
  return received.filter((request) => request.method === "POST");
}

type Block = Exclude<Turn["content"], string>[number] & {
  readonly content?: unknown;
  readonly cache_control?: unknown;
};

/** The blocks that the model sees, one string each, without the markers for Anthropic's cache. */
function historyOf({ body }: Recorded): string[] {
  const { messages } = JSON.parse(Buffer.from(body).toString()) as Conversation;
  return messages.flatMap(({ role, content }) =>
    blocksOf(content).map(({ cache_control, ...block }) => JSON.stringify({ role, ...block })),
  );
}

function blocksOf(content: Turn["content"]): readonly Block[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

/**
 * The paragraphs of a request that are nowhere in a history. Markers of the tokens left are dropped on purpose: they do not stay. So is
 * the line that tools were loaded: another one names them.
 */
function lostFrom({ body }: Recorded, history: readonly string[]): string[] {
  const { messages } = JSON.parse(Buffer.from(body).toString()) as Conversation;
  const all = history.join("\n");
  return messages
    .flatMap(({ content }) => blocksOf(content).flatMap(textsOf))
    .flatMap((text) => text.split(/\n[ \t]*\n/))
    .filter((paragraph) => !DROPPED.test(paragraph) && !all.includes(inJson(paragraph)));
}

const DROPPED = /^\s*(?:<total_tokens>[^<]*<\/total_tokens>|Tool loaded\.)\s*$/;

function textsOf(block: Block): string[] {
  if (block.type === "text") return [block.text ?? ""];
  if (block.type !== "tool_result") return [];
  return typeof block.content === "string"
    ? [block.content]
    : ((block.content ?? []) as Block[]).flatMap(textsOf);
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
