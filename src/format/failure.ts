import { duration, grouped } from "./numbers.ts";

/** What a request's end and figures say about why it was not answered. Names are those of a request's record. */
export interface End {
  readonly outcome: "complete" | "unreachable" | "broken" | "client_gone";
  readonly status?: number;
  readonly error_type?: string;
  readonly refused_prompt_tokens?: number;
  readonly context_tokens?: number;
  readonly total_ms: number;
}

/** A class of failures; `error` is every other status and every error event. */
export type FailureKind = "unreachable" | "broken" | "left" | "too long" | "loading" | "error";

/** `undefined` for a request that was answered to the end. */
export function failureOf({ outcome, status = 200, error_type }: End): FailureKind | undefined {
  if (outcome === "unreachable" || outcome === "broken") return outcome;
  if (error_type === "exceed_context_size_error") return "too long";
  if (status === 503) return "loading";
  if (status >= 400 || error_type !== undefined) return "error";
  return outcome === "client_gone" ? "left" : undefined;
}

/** The failure in a few words: `400 prompt 33 150 > 16 384 context`, `client left after 99 s`, `unreachable`; empty for no failure. */
export function failureWords(end: End): string {
  const { status, error_type, total_ms } = end;
  switch (failureOf(end)) {
    case undefined:
      return "";
    case "unreachable":
      return "unreachable";
    case "broken":
      return "connection broken";
    case "left":
      return `client left after ${duration(Math.round(total_ms / 100) / 10)}`;
    case "too long":
      return tooLong(end);
    case "loading":
      return "503 loading";
    case "error":
      return [status === 200 ? undefined : status, error_type].filter((part) => part !== undefined).join(" ");
  }
}

// --- internal ---

function tooLong({ status, refused_prompt_tokens: prompt, context_tokens: context }: End): string {
  if (prompt === undefined || context === undefined) return `${status} prompt too long`;
  return `${status} prompt ${grouped(prompt)} > ${grouped(context)} context`;
}
