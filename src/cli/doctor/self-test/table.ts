import { grouped } from "../../../format/numbers.ts";
import type { SelfTest } from "./judge.ts";
import type { Measured } from "./measure.ts";

/** The self-test's figures side by side, at most 80 columns wide. */
export function formatTable({ direct, repaired }: SelfTest): string {
  const steps = repaired.length > direct.length ? repaired : direct;
  const rows = steps.map(({ id, title }) => {
    const cells = [direct, repaired].map((lane) => cell(lane.find((step) => step.id === id)));
    return `  ${title.padEnd(33)}${cells.map((text) => text.padStart(22)).join("")}`;
  });
  const head = ["without the proxy", "through cache-proxy"].map((text) => text.padStart(22)).join("");
  const units = ["cached / evaluated  s", "cached / evaluated  s"].map((text) => text.padStart(22)).join("");
  return [`  ${" ".repeat(33)}${head}`, `  ${" ".repeat(33)}${units}`, ...rows].join("\n");
}

// --- internal ---

function cell(step: Measured | undefined): string {
  if (!step) return "";
  if (step.failure !== undefined) return step.failure.slice(0, 20);
  const [cached, evaluated] = [step.cached_tokens, step.evaluated_tokens].map((count) =>
    count === undefined ? "?" : grouped(count),
  );
  return `${cached!.padStart(6)} / ${evaluated!.padStart(6)} ${step.seconds.toFixed(1).padStart(5)}`;
}
