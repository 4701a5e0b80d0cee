import type { Recorded } from "./recording.ts";
import { type Conversation, type Turn, wordsIn } from "./scenario.ts";

/** The role of a request in its conversation. The numbers are indexes in the list of requests. */
export type Step =
  | { readonly kind: "first" }
  /** It ends with the results of the tools that the answer to `previous` called. */
  | { readonly kind: "tool loop"; readonly previous: number }
  /** The same, but the answer to `previous` loaded tools, so the head of the prompt changed. */
  | { readonly kind: "new tools"; readonly previous: number }
  /** The user sent a new message. `spoken` is the first request that contains their previous message. */
  | { readonly kind: "new words"; readonly previous: number; readonly spoken: number };

/** The step of each request. Conversations may be interleaved, as with subagents. `offset` is the index of the first request. */
export function stepsOf(requests: readonly Recorded[], offset = 0): Step[] {
  const places = requests.map(placeOf);
  return places.map((place, at) => {
    const earlier = [...places.keys()].filter((other) => other < at && isEarlier(places[other], place));
    const before = earlier.at(-1);
    if (before === undefined) return { kind: "first" };
    const previous = offset + before;
    const spokenBefore = places[before]?.lastSpoken;
    if (spokenBefore === place.lastSpoken) {
      return { kind: places[before]?.tools === place.tools ? "tool loop" : "new tools", previous };
    }
    const spoken = offset + (earlier.find((other) => places[other]?.lastSpoken === spokenBefore) ?? before);
    return { kind: "new words", previous, spoken };
  });
}

// --- internal ---

interface Place {
  /** The user's first message. It differs between our stories, and a compacted conversation begins with its summary. */
  readonly conversation: string;
  readonly turns: number;
  /** The index of the user's last message. */
  readonly lastSpoken: number;
  readonly tools: number;
}

function placeOf({ body }: Recorded): Place {
  const { messages, tools } = JSON.parse(Buffer.from(body).toString()) as Conversation;
  return {
    conversation: wordsIn(messages[0]),
    turns: messages.length,
    lastSpoken: messages.findLastIndex(isSpoken),
    tools: tools?.length ?? 0,
  };
}

/** True for a user's message and for one that Claude Code sends in their place, such as a subagent's report. */
function isSpoken(turn: Turn): boolean {
  if (turn.role !== "user") return false;
  const isResult =
    typeof turn.content !== "string" && turn.content.some((block) => block.type === "tool_result");
  return !isResult || wordsIn(turn) !== "";
}

function isEarlier(one: Place | undefined, other: Place): boolean {
  return one?.conversation === other.conversation && one.turns < other.turns;
}
