import type { Outline } from "./outline.ts";
import { isSame, type Section } from "./section.ts";

/** One section of a request beside the same place of an earlier one: names, lengths and whether the hashes are equal; no text. */
export interface SectionView {
  /** `tool Bash`, `system 1`, `message 3 user text`, `parameter thinking`. */
  readonly name: string;
  /** Left out where the earlier request does not have it. */
  readonly bytes_before?: number;
  /** Left out where the later request does not have it. */
  readonly bytes?: number;
  readonly equal: boolean;
}

/** All sections of both requests; tools are matched by name, everything else by place. */
export function sectionViews(before: Outline | undefined, after: Outline): SectionView[] {
  const [old, now] = [before ? named(before) : new Map<string, Section>(), named(after)];
  const names = new Set([...now.keys(), ...old.keys()]);
  return [...names].map((name) => view(name, old.get(name), now.get(name)));
}

// --- internal ---

function view(name: string, before: Section | undefined, after: Section | undefined): SectionView {
  return {
    name,
    ...(before && { bytes_before: before.sent ?? before.bytes }),
    ...(after && { bytes: after.sent ?? after.bytes }),
    equal: before !== undefined && after !== undefined && isSame(before, after),
  };
}

function named({ parameters, system, tools, messages }: Outline): Map<string, Section> {
  const blocks = messages.flatMap(({ role, blocks }, index) =>
    blocks.map((block, at): [string, Section] => [
      `message ${index + 1} ${role} ${block.kind}${blocks.length > 1 ? ` ${at + 1}` : ""}`,
      block,
    ]),
  );
  return new Map<string, Section>([
    ...parameters.map((one): [string, Section] => [`parameter ${one.name}`, one]),
    ...tools.map((tool): [string, Section] => [`tool ${tool.name}`, tool]),
    ...system.map((block, index): [string, Section] => [`system ${index + 1}`, block]),
    ...blocks,
  ]);
}
