import { describe, expect, test } from "bun:test";
import {
  type Moments,
  measurePhases,
  measurePrefill,
  type Phases,
  type Prefill,
} from "../../src/report/prefill.ts";
import type { Usage } from "../../src/usage/usage.ts";

describe("the duration of a prefill", () => {
  const EARLY: Moments = { arrived: 0, sent: 1, answered: 1001, firstToken: 3001 };
  const LATE: Moments = { arrived: 0, sent: 1, answered: 2999, firstToken: 3001 };
  const cases: { name: string; usage: Usage; moments: Moments; want: Prefill }[] = [
    {
      name: "the server's own time is used",
      usage: { evaluated_tokens: 20, prompt_ms: 40 },
      moments: EARLY,
      want: { prefill_ms: 40, evaluated_tokens_per_second: 500 },
    },
    {
      name: "headers before the first token: the time from the headers, without the wait for a slot",
      usage: { evaluated_tokens: 1000 },
      moments: EARLY,
      want: { prefill_ms: 2000, evaluated_tokens_per_second: 500 },
    },
    {
      name: "headers with the first token: the time from sending the request",
      usage: { evaluated_tokens: 1500 },
      moments: LATE,
      want: { prefill_ms: 3000, evaluated_tokens_per_second: 500 },
    },
    { name: "too few tokens", usage: { evaluated_tokens: 255 }, moments: EARLY, want: {} },
    { name: "evaluated tokens unknown", usage: { prompt_tokens: 5000 }, moments: EARLY, want: {} },
    {
      name: "not a stream",
      usage: { evaluated_tokens: 5000 },
      moments: { arrived: 0, sent: 1, answered: 9 },
      want: {},
    },
    {
      name: "a server that reports 0 ms",
      usage: { evaluated_tokens: 5000, prompt_ms: 0 },
      moments: EARLY,
      want: {},
    },
  ];
  for (const { name, usage, moments, want } of cases) {
    test(name, () => expect(measurePrefill(usage, moments)).toEqual(want));
  }
});

describe("where the time of a request went", () => {
  const moments: Moments = { arrived: 0, sent: 1, answered: 1001, firstToken: 3001 };
  const cases: { name: string; usage: Usage; moments: Moments; end: number; want: Phases }[] = [
    {
      name: "headers before the first token end the wait for a slot",
      ...{ usage: {}, moments, end: 4001, want: { queued_ms: 1000, answering_ms: 1000 } },
    },
    {
      name: "the server's own prefill time leaves the wait for a slot",
      ...{ usage: { prompt_ms: 500 }, moments, end: 4001, want: { queued_ms: 2500, answering_ms: 1000 } },
    },
    {
      name: "alone on the server there is no wait for a slot",
      ...{ usage: {}, moments: { ...moments, alone: true }, end: 4001, want: { answering_ms: 1000 } },
    },
    {
      name: "headers with the first token: the wait for a slot is unknown",
      ...{ usage: {}, moments: { ...moments, answered: 3000 }, end: 4001, want: { answering_ms: 1000 } },
    },
    {
      name: "a JSON answer with the server's own prefill time",
      ...{ usage: { prompt_ms: 500 }, moments: { arrived: 0, sent: 1, answered: 900 }, end: 901 },
      want: { answering_ms: 400 },
    },
    {
      name: "a client that left during the prefill",
      ...{
        usage: {},
        moments: { arrived: 0, sent: 1, answered: 1001 },
        end: 2001,
        want: { queued_ms: 1000 },
      },
    },
    { name: "never answered", usage: {}, moments: { arrived: 0, sent: 1 }, end: 9, want: {} },
    { name: "never sent", usage: {}, moments: { arrived: 0 }, end: 9, want: {} },
  ];
  for (const { name, usage, moments, end, want } of cases) {
    test(name, () => expect(measurePhases(usage, moments, end)).toEqual(want));
  }
});
