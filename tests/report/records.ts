import type { RequestRecord } from "../../src/report/record.ts";

/** A record with everything known, to be changed where a test needs it. */
export const FULL: RequestRecord = {
  id: 7,
  time: "2026-11-23T09:08:10.123Z",
  endpoint: "/v1/messages",
  model: "claude-sonnet-4-5",
  session: "a1b2c3d4-0000-4000-8000-000000000000",
  agent: "main",
  stream: true,
  request_bytes: 80_000,
  status: 200,
  outcome: "complete",
  prompt_tokens: 18_432,
  cached_tokens: 18_100,
  evaluated_tokens: 332,
  output_tokens: 212,
  added_ms: 0.2,
  first_byte_ms: 12,
  first_token_ms: 412,
  prefill_ms: 400,
  evaluated_tokens_per_second: 830,
  total_ms: 3211.33,
};

/** A record of which only the end is known. */
export const BARE: RequestRecord = {
  id: 8,
  time: "2026-11-23T09:08:11.000Z",
  endpoint: "/v1/chat/completions",
  outcome: "unreachable",
  total_ms: 2,
};
