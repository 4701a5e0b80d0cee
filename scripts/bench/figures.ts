import { cpus, release, type } from "node:os";

/** The figures of a run by row and column, to be kept as JSON. */
export type Summary = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The value below which `part` of the values lie, from 0 to 1. */
export function at(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
}

/** The line that every benchmark begins with. */
export function machine(): string {
  const [{ model } = { model: "unknown" }] = cpus();
  return `machine: ${model} × ${cpus().length}, ${type()} ${release()}, Bun ${Bun.version}`;
}
