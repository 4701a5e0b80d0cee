import { styleText } from "node:util";
import type { Finding, Status } from "./finding.ts";
import type { SelfTest } from "./self-test/judge.ts";

/** Doctor's answer as JSON; ids and fields are stable. */
export interface DoctorReport {
  readonly version: string;
  readonly upstream: string;
  readonly findings: readonly Finding[];
  readonly self_test?: SelfTest | undefined;
}

/** A finding as one line, and a second one with the advice. */
export function formatFinding({ id, status, seen, advice }: Finding, hasColor: boolean): string {
  const label = status.padEnd(7);
  const painted = hasColor ? styleText(COLORS[status], label, { validateStream: false }) : label;
  const first = `${painted} ${id.padEnd(WIDTH)} ${seen}`;
  return advice === undefined ? first : `${first}\n${" ".repeat(8 + WIDTH)} → ${advice}`;
}

/** `2 problems, 3 notes`, or that all is well. */
export function formatCount(findings: readonly Finding[]): string {
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length;
  const [problems, notes] = [count("problem"), count("note")];
  const counted = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  return problems === 0
    ? `no problems, ${counted(notes, "note")}`
    : `${counted(problems, "problem")}, ${counted(notes, "note")}`;
}

// --- internal ---

const WIDTH = 21;
const COLORS = { ok: "green", note: "yellow", problem: "red" } as const;
