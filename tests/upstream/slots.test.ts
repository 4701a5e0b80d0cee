import { describe, expect, test } from "bun:test";
import { type HeldSlot, type PrefillingSlot, readHeldSlots, readSlots } from "../../src/upstream/slots.ts";

/** As llama-server b10434 answers, less what is not read. */
function slot(changes: object): object {
  return {
    id: 0,
    n_ctx: 32_768,
    is_processing: true,
    id_task: 5,
    n_prompt_tokens: 6144,
    n_prompt_tokens_processed: 5632,
    n_prompt_tokens_cache: 100,
    next_token: [{ has_next_token: true, n_decoded: 0 }],
    ...changes,
  };
}

describe("which slots evaluate a prompt", () => {
  const idle = { id: 1, n_ctx: 32_768, is_processing: false };
  const cases: { name: string; answer: unknown; want: PrefillingSlot[] | undefined }[] = [
    { name: "one at work", answer: [slot({}), idle], want: [{ task: 5, cached: 100, evaluated: 5632 }] },
    { name: "all idle", answer: [idle, idle], want: [] },
    { name: "one that generates", answer: [slot({ next_token: [{ n_decoded: 3 }] })], want: [] },
    { name: "an older build's next_token", answer: [slot({ next_token: { n_decoded: 3 } })], want: [] },
    {
      name: "a build without figures (b8179)",
      answer: [{ id: 0, id_task: 3, is_processing: true }],
      want: undefined,
    },
    { name: "an error", answer: { error: { code: 501 } }, want: undefined },
    { name: "nonsense", answer: [null, 5, "x"], want: [] },
    { name: "not JSON", answer: undefined, want: undefined },
  ];
  for (const { name, answer, want } of cases) test(name, () => expect(readSlots(answer)).toEqual(want));
});

describe("what the slots hold", () => {
  const unused = { id: 1, n_ctx: 32_768, is_processing: false };
  const cases: { name: string; answer: unknown; want: HeldSlot[] | undefined }[] = [
    { name: "one busy, one unused", answer: [slot({}), unused], want: [held(6144, true), held(0)] },
    { name: "one idle after a prompt", answer: [slot({ is_processing: false })], want: [held(6144)] },
    { name: "unused in an older build", answer: [{ ...unused, id_task: -1 }], want: [held(0)] },
    { name: "a build without figures", answer: [{ ...unused, id_task: 3 }], want: undefined },
    { name: "no slot", answer: [], want: undefined },
    { name: "an error", answer: { error: { code: 501 } }, want: undefined },
    { name: "nonsense", answer: [null], want: undefined },
    { name: "not JSON", answer: undefined, want: undefined },
  ];
  for (const { name, answer, want } of cases) test(name, () => expect(readHeldSlots(answer)).toEqual(want));
});

function held(tokens: number, isBusy = false): HeldSlot {
  return { tokens, isBusy };
}
