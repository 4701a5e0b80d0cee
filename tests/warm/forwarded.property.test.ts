import { describe, expect } from "bun:test";
import { readWarmable } from "../../src/warm/body.ts";
import { nextTurn } from "../../src/warm/next-turn.ts";
import { FOLD, rewriteChecked, STRICT } from "../rewrite/checked.ts";
import { modelView } from "../rewrite/model-view.ts";
import { conversation, type Message } from "../support/conversation.ts";
import { property } from "../support/seeded.ts";

describe.each([
  ["any template", FOLD],
  ["strict alternation", STRICT],
] as const)("%s", (_, context) => {
  const forwarded = (messages: readonly Message[]): Buffer =>
    Buffer.from(
      rewriteChecked(JSON.stringify({ messages, system: "You help.", stream: true }), context).body,
    );

  property(
    "what a warm-up says before its placeholder is a prefix of what the next request says",
    300,
    (random) => {
      const chat = conversation(random);
      for (let turns = random.below(6); turns > 0; turns--) chat.grow();
      const before = forwarded(chat.request());
      chat.grow();
      const next = chat.request();
      const answer = next.findLast(({ role }) => role === "assistant");
      const warm = JSON.parse(nextTurn(readWarmable(before)!, JSON.stringify(answer)).toString()).messages;
      const seen = modelView(warm.slice(0, -1));
      expect(modelView(JSON.parse(forwarded(next).toString()).messages).slice(0, seen.length)).toEqual(seen);
    },
  );
});
