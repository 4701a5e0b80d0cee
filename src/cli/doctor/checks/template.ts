import { type Finding, note, ok, problem } from "../finding.ts";
import type { Observed, TemplateSeen } from "../observed.ts";

/** What the chat template does with the turns that Claude Code sends. */
export function checkTemplate({ template, facts, port, url }: Observed): Finding[] {
  if (!facts) return [];
  if (!template)
    return [
      note(
        "template.rendered",
        "the server renders no prompts for us (/apply-template), so the template is not checked",
      ),
    ];
  const running = port.proxy?.upstream === url ? port.proxy : undefined;
  const keeps = running?.system_turns === "keep" ? port.number : undefined;
  return [systemTurns(template, keeps), alternation(template), tools(template), thinking(template)];
}

// --- internal ---

const SYSTEM_TURNS = {
  kept: "the template renders system turns in place",
  hoisted: "the template moves system turns to the head of the prompt, where each new one loses the cache",
  dropped:
    "the template drops system turns in silence: the model would miss the working directory, skills and agents",
  refused: "the template refuses system turns with an error",
};

/** `keeps` is the port of a running proxy that does not fold them. */
function systemTurns({ systemTurns: seen }: TemplateSeen, keeps: number | undefined): Finding {
  const id = "template.system-turns";
  if (seen === "kept") return ok(id, SYSTEM_TURNS.kept);
  if (keeps === undefined)
    return ok(id, `${SYSTEM_TURNS[seen]}; cache-proxy folds them into the turns next to them`);
  return problem(
    id,
    `${SYSTEM_TURNS[seen]}, and the cache-proxy on port ${keeps} leaves them as they are`,
    "start that cache-proxy without --system-turns keep",
  );
}

function alternation({ twoUserTurns }: TemplateSeen): Finding {
  const id = "template.alternation";
  if (twoUserTurns === "accepted") return ok(id, "the template accepts two user turns in a row");
  return ok(
    id,
    "the template wants user and assistant turns to alternate; cache-proxy merges what would not",
  );
}

function tools({ tools: seen }: TemplateSeen): Finding {
  const id = "template.tools";
  if (seen === "shown") return ok(id, "the template shows the tools to the model");
  return problem(
    id,
    seen === "dropped"
      ? "the template does not show the tools to the model"
      : "the template refuses tools with an error",
    "use a model or a template made for tools (--jinja, --chat-template-file); Claude Code cannot work without",
  );
}

function thinking({ earlierThinking, keepsThinkingWith }: TemplateSeen): Finding {
  const id = "template.thinking";
  if (earlierThinking === "kept")
    return ok(id, "the template keeps earlier thinking, so a new message reuses the whole conversation");
  const seen =
    "the template drops earlier thinking: after each message of the user the last tool loop is evaluated again";
  if (keepsThinkingWith === undefined) return note(id, seen);
  return note(
    id,
    seen,
    `start llama-server with --reasoning-preserve, or in older builds with --chat-template-kwargs '${keepsThinkingWith}'`,
  );
}
