import type { Address } from "../../upstream/address.ts";
import { ask } from "../../upstream/ask.ts";
import type { TemplateSeen } from "./observed.ts";

/**
 * Has the server render short conversations with its chat template, without evaluating them (`POST /apply-template`). `undefined` where it
 * renders not even the plainest one.
 */
export async function probeTemplate(upstream: Address, headers: Headers): Promise<TemplateSeen | undefined> {
  const render = (body: object) => applyTemplate(upstream, headers, body);
  if ((await render({ messages: [SYSTEM, USER] })) === undefined) return undefined;
  const [turns, users, tools, thinking, keepsThinkingWith] = await Promise.all([
    render({ messages: [SYSTEM, USER, system("probe-three"), ANSWER, LATER] }),
    render({ messages: [SYSTEM, USER, LATER] }),
    render({ messages: [SYSTEM, USER], tools: [TOOL] }),
    render({ messages: THINKING }),
    switchFor(render),
  ]);
  return {
    systemTurns: placeOf(turns),
    twoUserTurns: users === undefined ? "refused" : "accepted",
    tools: shown(tools, "probe_tool", "shown"),
    earlierThinking: shown(thinking, "probe-thought", "kept"),
    keepsThinkingWith,
  };
}

// --- internal ---

type Render = (body: object) => Promise<string | undefined>;

const system = (content: string) => ({ role: "system", content });
const SYSTEM = system("probe-one");
const USER = { role: "user", content: "probe-two" };
const ANSWER = { role: "assistant", content: "probe-four" };
const LATER = { role: "user", content: "probe-five" };
const THINKING = [SYSTEM, USER, { ...ANSWER, reasoning_content: "probe-thought" }, LATER];
const TOOL = {
  type: "function",
  function: { name: "probe_tool", description: "probe", parameters: { type: "object", properties: {} } },
};

/** Variables that templates read: Qwen's, GLM's. */
const SWITCHES = { preserve_thinking: true, clear_thinking: false };

async function switchFor(render: Render): Promise<string | undefined> {
  for (const [name, value] of Object.entries(SWITCHES)) {
    const prompt = await render({ messages: THINKING, chat_template_kwargs: { [name]: value } });
    if (prompt?.includes("probe-thought")) return JSON.stringify({ [name]: value });
  }
  return undefined;
}

function placeOf(prompt: string | undefined): TemplateSeen["systemTurns"] {
  if (prompt === undefined) return "refused";
  if (!prompt.includes("probe-three")) return "dropped";
  return prompt.indexOf("probe-three") < prompt.indexOf("probe-two") ? "hoisted" : "kept";
}

function shown<T extends string>(
  prompt: string | undefined,
  word: string,
  yes: T,
): T | "dropped" | "refused" {
  if (prompt === undefined) return "refused";
  return prompt.includes(word) ? yes : "dropped";
}

async function applyTemplate(upstream: Address, headers: Headers, body: object): Promise<string | undefined> {
  try {
    const { json } = await ask(upstream, "/apply-template", AbortSignal.timeout(TIMEOUT_MS), headers, body);
    const { prompt } = (json ?? {}) as { prompt?: unknown };
    return typeof prompt === "string" ? prompt : undefined;
  } catch {
    return undefined;
  }
}

const TIMEOUT_MS = 5_000;
