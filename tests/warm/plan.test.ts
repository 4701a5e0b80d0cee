import { describe, expect, test } from "bun:test";
import type { HeldSlot } from "../../src/upstream/slots.ts";
import { type Candidate, plan, type Situation, type Step } from "../../src/warm/plan.ts";

const slot = (tokens: number, isBusy = false): HeldSlot => ({ tokens, isBusy });
const conversation = (session: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{ session, due: undefined, isLatest: false, tokens: undefined, isBack: false },
  starts: () => [`only in ${session}`],
  ...more,
});
const situation = (more: Partial<Situation>): Situation => ({
  ...{ candidates: [], hasHead: false, slots: [slot(0)], isNew: false },
  ...more,
});

const TURN = { due: "turn" } as const;
const RESTART = { due: "restart" } as const;
const ALIKE = { starts: () => ["the same tools"] };
const BACK = { isBack: true, isLatest: true };

const CASES: readonly [name: string, situation: Partial<Situation>, want: Step | undefined][] = [
  ["nothing to warm", {}, undefined],
  ["nothing due", { candidates: [conversation("a", { isLatest: true })] }, undefined],
  [
    "a turn of the latest conversation",
    { candidates: [conversation("a", { ...TURN, isLatest: true })] },
    { reason: "turn", session: "a" },
  ],
  [
    "a turn without /slots",
    { candidates: [conversation("a", { ...TURN, isLatest: true })], slots: undefined },
    { reason: "turn", session: "a" },
  ],
  [
    "a turn whose slot has another conversation now",
    { candidates: [conversation("b"), conversation("a", { ...TURN, tokens: 900 })], slots: [slot(500)] },
    undefined,
  ],
  [
    "a turn that another conversation followed, without /slots",
    { candidates: [conversation("b"), conversation("a", { ...TURN, tokens: 900 })], slots: undefined },
    undefined,
  ],
  [
    "a turn that a slot still holds",
    {
      candidates: [conversation("b"), conversation("a", { ...TURN, tokens: 900 })],
      slots: [slot(500), slot(899)],
    },
    { reason: "turn", session: "a" },
  ],
  [
    "two turns, the latest first",
    {
      candidates: [
        conversation("b", { ...TURN, isLatest: true }),
        conversation("a", { ...TURN, tokens: 900 }),
      ],
      slots: [slot(900)],
    },
    { reason: "turn", session: "b" },
  ],
  [
    "a restart, the most recent first",
    { candidates: [conversation("b", RESTART), conversation("a", RESTART)], slots: [slot(0), slot(0)] },
    { reason: "restart", session: "b" },
  ],
  [
    "a restart after which somebody else has used the server",
    { candidates: [conversation("a", RESTART)], slots: [slot(700)] },
    undefined,
  ],
  [
    "a restart without /slots",
    { candidates: [conversation("a", RESTART)], slots: undefined, isNew: true },
    { reason: "restart", session: "a" },
  ],
  [
    "a restart without /slots, after a request",
    { candidates: [conversation("a", RESTART)], slots: undefined },
    undefined,
  ],
  [
    "a restart whose warm-up was aborted",
    { candidates: [conversation("a", { ...RESTART, isLatest: true })], slots: [slot(700)] },
    { reason: "restart", session: "a" },
  ],
  [
    "another conversation after a restart, in a slot of its own",
    { candidates: [conversation("b", BACK), conversation("a", RESTART)], slots: [slot(700), slot(0)] },
    { reason: "restart", session: "a" },
  ],
  [
    "another conversation after a restart, without a slot for it",
    { candidates: [conversation("b", BACK), conversation("a", RESTART)], slots: [slot(700)] },
    undefined,
  ],
  [
    "another conversation that would get the slot of the first",
    {
      candidates: [conversation("b", { ...BACK, ...ALIKE }), conversation("a", { ...RESTART, ...ALIKE })],
      slots: [slot(700), slot(0)],
    },
    undefined,
  ],
  ["a head", { hasHead: true }, { reason: "start" }],
  ["a head for a server that holds something", { hasHead: true, slots: [slot(0), slot(9)] }, undefined],
  ["a head for a server without /slots", { hasHead: true, slots: undefined }, undefined],
  [
    "a head for a new server without /slots",
    { hasHead: true, slots: undefined, isNew: true },
    { reason: "start" },
  ],
  ["a head beside a conversation", { hasHead: true, candidates: [conversation("a")] }, undefined],
];

describe("what to warm next", () => {
  test.each(CASES)("%s", (_, given, want) => {
    expect(plan(situation(given))).toEqual(want as Step);
  });
});
