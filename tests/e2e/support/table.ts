export type Cell = string | number | undefined;

/** Aligns a table for the terminal: numbers to the right, a blank for unknown values. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(show));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const numeric = head.map((_, column) => rows.every((row) => typeof row[column] !== "string"));
  const pad = (cell: string, column: number) =>
    numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return lines.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
}

// --- internal ---

function show(cell: Cell): string {
  return typeof cell === "number" ? cell.toLocaleString("en").replaceAll(",", " ") : (cell ?? "");
}
