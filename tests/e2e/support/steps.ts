import type { Recorded } from "./recording.ts";
import { type Conversation, type Turn, wordsIn } from "./scenario.ts";

/** Where in its conversation a request stands; the numbers are places in the list of requests. */
export type Step =
  | { readonly kind: "first" }
  /** It ends with results of the tools that the answer to `previous` called. */
  | { readonly kind: "tool loop"; readonly previous: number }
  /** The same, and the answer to `previous` loaded tools: the head of the prompt is another one. */
  | { readonly kind: "new tools"; readonly previous: number }
  /** The user spoke again. `spoken` is the first request with what they said before. */
  | { readonly kind: "new words"; readonly previous: number; readonly spoken: number };

/** The step of each request; conversations may be mixed, as those of subagents are. `offset` is the place of the first. */
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
  /** What the user began with. The words of our stories differ, and so does the summary that a compacted one begins with. */
  readonly conversation: string;
  readonly turns: number;
  /** The turn in which the user spoke last. */
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

/** True for what the user says and for what Claude Code says in their place, such as the report of a subagent. */
function isSpoken(turn: Turn): boolean {
  if (turn.role !== "user") return false;
  const isResult =
    typeof turn.content !== "string" && turn.content.some((block) => block.type === "tool_result");
  return !isResult || wordsIn(turn) !== "";
}

function isEarlier(one: Place | undefined, other: Place): boolean {
  return one?.conversation === other.conversation && one.turns < other.turns;
}
