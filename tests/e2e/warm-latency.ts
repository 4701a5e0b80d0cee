/**
 * Measures whether warm-ups make a real request wait, on a server slowed to a few hundred tokens per second:
 *
 *   bun tests/e2e/warm-latency.ts MODEL.gguf [ROUNDS]
 *
 * Each round starts from the same state of the slot: a tool loop that has just ended. Times are from sending a request to the first byte of its answer.
 * Prints a Markdown table of medians after each round. Takes half an hour with 20 rounds and is no test.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asEvents } from "./support/events.ts";
import { type LlamaServer, startLlamaServer } from "./support/llama-server.ts";
import { startProxy } from "./support/proxy.ts";
import { isInference, listen, record, type TestServer } from "./support/recording.ts";
import { withMaxTokens } from "./support/replay.ts";
import { type Block, text } from "./support/scenario.ts";

const [model = "", rounds = "20"] = process.argv.slice(2);

const CALLS = 8;
const NOTES = "The notes have to be counted once more, because a line may have been added. ";
const ANSWER: Block[] = [text("One line, however often it is counted.")];

interface Message {
  readonly role: string;
  readonly content: unknown;
}

const TOOL = {
  name: "Bash",
  description: "Runs a command.",
  input_schema: { type: "object", properties: { command: { type: "string" } } },
};

/** About 250 tokens of prompt for each call. */
const LOOP: Message[] = [
  { role: "user", content: "Count the notes." },
  ...Array.from({ length: CALLS }, (_, at) => at).flatMap((at): Message[] => [
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: `Step ${at}. ${NOTES.repeat(6)}`, signature: "" },
        { type: "tool_use", id: `toolu_${at}`, name: "Bash", input: { command: `wc -l notes.txt # ${at}` } },
      ],
    },
    {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: `toolu_${at}`, content: NOTES.repeat(6) }],
    },
  ]),
];
const NEXT: Message[] = [
  ...LOOP,
  { role: "assistant", content: ANSWER },
  { role: "user", content: "Thank you. Once more, please." },
];
const OTHER: Message[] = [{ role: "user", content: "What is the capital of France?" }];

/** The conversation's next message so many milliseconds after the turn, or another conversation's request at a random moment. */
const OCCASIONS: readonly {
  readonly name: string;
  readonly messages: Message[];
  readonly afterMs: () => number;
}[] = [
  { name: "same conversation, 0.1 s after the turn", messages: NEXT, afterMs: () => 100 },
  { name: "same conversation, 2 s after the turn", messages: NEXT, afterMs: () => 2_000 },
  { name: "same conversation, 10 s after the turn", messages: NEXT, afterMs: () => 10_000 },
  {
    name: "another conversation, 1.5 to 10 s after the turn",
    messages: OTHER,
    afterMs: () => 1_500 + 8_500 * Math.random(),
  },
];

const folder = mkdtempSync(join(tmpdir(), "cache-proxy-slots-"));
try {
  await main();
} finally {
  rmSync(folder, { recursive: true });
}

// --- internal ---

async function main(): Promise<void> {
  await using llama = await startLlamaServer("dense", "Qwen3.5-4B.jinja", {
    "model.path": model,
    "cpuparams.n_threads": 1,
    n_ctx: 16_384,
    cache_ram_mib: 0,
    slot_save_path: `${folder}/`,
  });
  await using upstream = startUpstream(llama);
  const speed = await prepare(llama);
  const all = OCCASIONS.map((occasion) => ({ ...occasion, off: [] as number[], auto: [] as number[] }));
  for (let round = 1; round <= Number(rounds); round++) {
    for (const one of all) {
      const ms = one.afterMs();
      for (const warm of ["off", "auto"] as const) {
        // A proxy for each sample: it would otherwise warm the last sample's conversation in the next one.
        await using proxy = await startProxy(upstream.origin, "--warm", warm);
        one[warm].push(await sample(llama, proxy.origin, one.messages, ms));
      }
    }
    console.log(
      `\n| time to first byte, ms (${Math.round(speed)} tokens/s, medians of ${round}) | off | auto |\n|---|---:|---:|`,
    );
    for (const { name, off, auto } of all) console.log(`| ${name} | ${describe(off)} | ${describe(auto)} |`);
  }
}

/** Evaluates the loop once and saves the slot; resolves with the server's speed, tokens per second. */
async function prepare(llama: LlamaServer): Promise<number> {
  const start = performance.now();
  const answer = await send(llama.origin, "s", LOOP, 1);
  const { usage } =
    JSON.parse(/^data: (\{"type":"message_start".*)$/m.exec(answer.text)?.[1] ?? "{}").message ?? {};
  const seconds = (performance.now() - start) / 1000;
  await slot(llama, "save");
  return (usage?.input_tokens ?? Number.NaN) / seconds;
}

async function sample(llama: LlamaServer, origin: string, messages: Message[], ms: number): Promise<number> {
  await slot(llama, "restore");
  const session = crypto.randomUUID();
  await send(origin, session, LOOP);
  await Bun.sleep(ms);
  const other = messages === OTHER ? crypto.randomUUID() : session;
  return (await send(origin, other, messages)).firstByteMs;
}

async function slot({ origin }: LlamaServer, action: "save" | "restore"): Promise<void> {
  const answer = await fetch(`${origin}/slots/0?action=${action}`, {
    method: "POST",
    body: '{"filename":"loop"}',
    keepalive: false,
  });
  if (!answer.ok) throw new Error(`${action}: ${await answer.text()}`);
  await answer.text();
}

async function send(origin: string, session: string, messages: Message[], maxTokens = 500) {
  const start = performance.now();
  const answer = await fetch(`${origin}/v1/messages`, {
    method: "POST",
    headers: { "user-agent": "claude-cli/2.1.332 (external, cli)", "x-claude-code-session-id": session },
    body: JSON.stringify({ model: "m", max_tokens: maxTokens, stream: true, tools: [TOOL], messages }),
    keepalive: false,
  });
  const reader = answer.body!.getReader();
  const first = await reader.read();
  const firstByteMs = performance.now() - start;
  let all = Buffer.from(first.value ?? []).toString();
  for (let step = await reader.read(); !step.done; step = await reader.read())
    all += Buffer.from(step.value).toString();
  return { firstByteMs, text: all };
}

/** llama-server evaluates each prompt; the scripted answer ends the turn. Warm-ups and questions go to llama-server unchanged. */
function startUpstream({ origin }: LlamaServer): TestServer {
  return listen(async (request) => {
    const recorded = await record(request);
    const { method, target, body } = recorded;
    const isReal = isInference(recorded) && !Buffer.from(body).includes('"max_tokens":1,');
    const answer = await fetch(origin + target, {
      ...{ method, signal: request.signal, timeout: false, keepalive: false },
      headers: { "content-type": "application/json" },
      ...(method === "POST" && {
        body: withMaxTokens(
          body,
          isReal ? 1 : Number(/"max_tokens":(\d+)/.exec(Buffer.from(body).toString())?.[1] ?? 1),
        ),
      }),
    } as RequestInit);
    if (!isReal) return new Response(answer.body, { status: answer.status, headers: answer.headers });
    const events = await answer.text();
    if (!events.includes("message_start")) throw new Error(events);
    return new Response(asEvents(ANSWER, "1", "m"), { headers: { "content-type": "text/event-stream" } });
  });
}

/** `median (lowest–highest)`. */
function describe(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  const middle = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
  return `${Math.round(middle)} (${sorted[0]}–${sorted.at(-1)})`;
}
