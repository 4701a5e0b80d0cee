import type { Pass } from "../pass.ts";
import { Folding } from "./turns/folding.ts";
import { TURNS_SHAPE, turnsIn } from "./turns/turn.ts";

/**
 * Lets every chat template render `messages` in the order in which they were said:
 *
 * - The first `system` turn goes to the very front of the first user turn: it is the same in every session of a project, and
 *   git status, the file that is open, and the user's words are not. Two sessions then share everything up to these.
 * - A later `system` turn is folded into the user turn before it: into the text of its last `tool_result`, else after its last
 *   block. Without a user turn right before it, it becomes one. The very first turn stays if there is no top-level `system`: it is the
 *   system prompt.
 * - llama-server renders text after `tool_result` blocks before them (server-chat.cpp). So what Claude Code adds after a result (a
 *   reminder, a skill's text) goes into the last result, and the user's own words become a turn after the results. If the template
 *   demands that user and assistant turns alternate, they go into the result too, under a line that says whose they are, and
 *   consecutive user turns are joined.
 * - `<total_tokens>` markers are dropped. `tool_reference` blocks become texts.
 *
 * What a turn becomes depends only on itself, the user turns right before it, and the system turns right after it: the history of
 * turn n stays a prefix of the history of turn n+1. Anything unknown in `messages` leaves all of them unchanged.
 */
export const systemTurns: Pass = {
  title: "turns",
  applies: ({ systemTurns }, api) => systemTurns === "fold" && api === "anthropic",
  needs: { members: { system: {}, messages: TURNS_SHAPE } },
  asksServer: () => true,
  run: (document, context) => {
    const isPromptFirst = document.root.members.system === undefined;
    return new Folding(document.bytes, context).fold(turnsIn(document), isPromptFirst);
  },
};
