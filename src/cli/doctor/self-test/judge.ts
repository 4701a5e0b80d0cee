import { grouped } from "../../../format/numbers.ts";
import { type Finding, note, ok, problem } from "../finding.ts";
import type { StepId } from "./conversation.ts";
import type { Measured } from "./measure.ts";

/** What both ways of sending cost, step by step; shorter when it was aborted. */
export interface SelfTest {
  readonly direct: readonly Measured[];
  readonly repaired: readonly Measured[];
  /** Why it ended early. */
  readonly aborted?: string | undefined;
}

/** Judges the figures of the self-test. Pure. */
export function judge({ direct, repaired, aborted }: SelfTest): Finding[] {
  const by = (id: StepId) => repaired.find((step) => step.id === id);
  const cold = by("cold");
  if (aborted !== undefined || !cold)
    return [note("self-test.complete", `the self-test ended early: ${aborted ?? "no request was sent"}`)];
  if (cold.failure !== undefined)
    return [
      problem(
        "self-test.answers",
        `the server answers Claude Code's requests with ${cold.failure}, even as the proxy forwards them`,
        "see llama-server's log",
      ),
    ];
  if (cold.cached_tokens === undefined || cold.evaluated_tokens === undefined) return [unreported(cold)];
  const findings = [
    ok("server.cached-tokens", "answers report cached and evaluated tokens"),
    control(by("control")),
    ...reuse(by, cold),
    message(by("message")),
  ].filter((finding) => finding !== undefined);
  return [...findings, verdict(direct, repaired)];
}

// --- internal ---

const TOO_MUCH = 0.5;
/** A server that can go back to any token evaluates only the user's words and the generation prompt. */
const DENSE_TOKENS = 120;
/** Evaluated by a new session where checkpoints are 256 tokens apart: at most that much, and what follows it. */
const FINE_TOKENS = 700;
/** On another day the tools and the system prompt, nearly half of the prompt, are the same. */
const COARSE_SHARE = 0.9;

function unreported({ title }: Measured): Finding {
  return problem(
    "server.cached-tokens",
    `answers on /v1/messages do not report cached tokens (seen in "${title}"), so nobody can tell what the cache does`,
    "update llama-server: builds of 2026-09 and later report them, show the progress of a prefill, and send signs of life during it",
  );
}

function shareOf(step: Measured | undefined): number | undefined {
  if (step?.evaluated_tokens === undefined || !step.prompt_tokens) return undefined;
  return step.evaluated_tokens / step.prompt_tokens;
}

function control(step: Measured | undefined): Finding | undefined {
  const share = shareOf(step);
  if (share === undefined || share > 0.9) return undefined;
  return note(
    "self-test.control",
    "a request that must miss the cache did not, so the figures of the self-test cannot be trusted",
  );
}

type Steps = (id: StepId) => Measured | undefined;

function reuse(by: Steps, cold: Measured): Finding[] {
  const [next, again] = [by("tool-loop"), by("again")];
  const id = "cache.reuse";
  const seen = `the next turn of a tool loop evaluates ${evaluated(next)} of ${tokens(next ?? cold)} tokens`;
  if ((shareOf(next) ?? 0) >= TOO_MUCH)
    return [
      problem(
        id,
        `${seen}: the server reuses nothing`,
        "leave out llama-server's --no-cache-prompt, and use slots with room for the whole prompt",
      ),
    ];
  const reused = ok(id, `${seen}, and the same request again ${evaluated(again)}`);
  if ((shareOf(again) ?? 0) < TOO_MUCH)
    return [reused, checkpoints(by("session"), by("day"), cold), back(by("back"), cold)];
  return [
    ok(id, seen),
    problem(
      "cache.checkpoints",
      `the same request again evaluates ${evaluated(again)} of ${tokens(cold)} tokens: the server can go on with a prompt, but not go back in it`,
      `start llama-server with --ctx-checkpoints 32 and ${FINER}`,
    ),
  ];
}

const FINER = "--checkpoint-min-step 256";

/** Hybrid models go back to checkpoints only; with one at the start of the first turn, a session on another day still shares the head. */
function checkpoints(session: Measured | undefined, day: Measured | undefined, cold: Measured): Finding {
  const id = "cache.checkpoints";
  const count = session?.evaluated_tokens;
  const seen = `a new session evaluates ${evaluated(session)} of ${tokens(cold)} tokens, and ${evaluated(day)} on another day`;
  if (count === undefined) return note(id, "a new session could not be measured");
  if (count <= DENSE_TOKENS) return ok(id, `${seen}: the server goes back to any token`);
  const share = shareOf(day) ?? 0;
  if (count <= FINE_TOKENS && share < COARSE_SHARE)
    return ok(id, `${seen}: the server goes back to checkpoints that are close enough`);
  return problem(
    id,
    `${seen}: the model is hybrid or has a sliding window, and its checkpoints are far apart`,
    `start llama-server with --ctx-checkpoints 32 (the default) and ${FINER}`,
  );
}

function back(step: Measured | undefined, cold: Measured): Finding {
  const id = "cache.ram";
  const share = shareOf(step);
  if (share === undefined) return note(id, "coming back to a displaced conversation could not be measured");
  const seen = `coming back to a conversation after another one evaluates ${evaluated(step)} of ${tokens(cold)} tokens`;
  if (share < TOO_MUCH) return ok(id, seen);
  return problem(
    id,
    `${seen}: one conversation displaces the other, as each subagent does`,
    "leave out --cache-ram 0 (8192 MiB is the default) or add slots (--parallel)",
  );
}

function message(step: Measured | undefined): Finding | undefined {
  if (step?.evaluated_tokens === undefined) return undefined;
  return ok(
    "cache.new-message",
    `a new message after a tool loop with thinking evaluates ${evaluated(step)} of ${tokens(step)} tokens`,
  );
}

const COMPARED: readonly (readonly [StepId, string])[] = [
  ["session", "a new session"],
  ["message", "a new message"],
  ["tools", "a turn with new tools"],
];

/** The sentence that a user wants. */
function verdict(direct: readonly Measured[], repaired: readonly Measured[]): Finding {
  const parts = COMPARED.flatMap(([id, what]) => {
    const [without, through] = [direct, repaired].map((lane) => lane.find((step) => step.id === id));
    if (through?.evaluated_tokens === undefined) return [];
    const instead = without?.evaluated_tokens === undefined ? "" : ` instead of ${evaluated(without)}`;
    return `${what} evaluates ${grouped(through.evaluated_tokens)} tokens${instead}`;
  });
  const failure = direct.find((step) => step.failure !== undefined)?.failure;
  const without = failure === undefined ? "" : `; without it the server answers ${failure}`;
  return ok("self-test.verdict", `through cache-proxy ${parts.join(", ")}${without}`);
}

function evaluated(step: Measured | undefined): string {
  return step?.evaluated_tokens === undefined
    ? (step?.failure ?? "an unknown number")
    : grouped(step.evaluated_tokens);
}

function tokens({ prompt_tokens }: Measured): string {
  return prompt_tokens === undefined ? "an unknown number of" : grouped(prompt_tokens);
}
