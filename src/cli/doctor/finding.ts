/** `ok`: as it should be; `note`: worth knowing; `problem`: it costs time or breaks sessions, and something can be done about it. */
export type Status = "ok" | "note" | "problem";

/** The result of one check. */
export interface Finding {
  /** Stable, such as `server.reachable`. */
  readonly id: string;
  readonly status: Status;
  /** What was seen, in one line. */
  readonly seen: string;
  /** What to do about it, in one line. */
  readonly advice?: string | undefined;
}

export function ok(id: string, seen: string): Finding {
  return { id, status: "ok", seen };
}

export function note(id: string, seen: string, advice?: string): Finding {
  return { id, status: "note", seen, advice };
}

export function problem(id: string, seen: string, advice: string): Finding {
  return { id, status: "problem", seen, advice };
}
