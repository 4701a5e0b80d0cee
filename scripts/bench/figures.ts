import { cpus, release, type } from "node:os";

/** The figures of a run by row and column, to be kept as JSON. */
export type Summary = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The value below which `part` of the values lie, from 0 to 1. */
export function at(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
}

/** Three decimals: microseconds of a millisecond. */
export function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** The line that every benchmark begins with. */
export function machine(): string {
  const [{ model } = { model: "unknown" }] = cpus();
  return `machine: ${model} × ${cpus().length}, ${type()} ${release()}, Bun ${Bun.version}`;
}

export function printTable(summary: Summary): void {
  const columns = [...new Set(Object.values(summary).flatMap((row) => Object.keys(row)))];
  const names = Math.max(...Object.keys(summary).map((name) => name.length));
  console.log(["".padEnd(names), ...columns].join("  "));
  for (const [name, row] of Object.entries(summary)) {
    const cells = columns.map((column) => String(row[column] ?? "").padStart(column.length));
    console.log([name.padEnd(names), ...cells].join("  "));
  }
}
